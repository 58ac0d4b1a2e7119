"""Against Fig. 5 of Chollet 2017, written down once more as plain functions."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, max_pool2d, relu

from plusx.backbones.create import build
from plusx.backbones.xception import scaled
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError

Made = Callable[..., Backbone]


def obvious(state: dict[str, Tensor], x: Tensor, middle: int) -> Tensor:
    """Fig. 5 from input to output, in evaluation mode."""

    def norm(at: str, x: Tensor) -> Tensor:
        mean, var, weight, bias = (state[f"{at}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        return batch_norm(x, mean, var, weight, bias, eps=1e-5)

    def sep(at: str, x: Tensor) -> Tensor:
        spatial, across = state[f"{at}.conv.depthwise.weight"], state[f"{at}.conv.pointwise.weight"]
        return norm(f"{at}.norm", conv2d(conv2d(x, spatial, padding=1, groups=x.shape[1]), across))

    x = relu(norm("entry1.layer1.norm", conv2d(x, state["entry1.layer1.conv.weight"], stride=2, padding=1)))
    x = relu(norm("entry1.layer2.norm", conv2d(x, state["entry1.layer2.conv.weight"], padding=1)))
    for block in ("entry2.block1", "entry3.block1", "entry4.block1", "exit.block1"):
        if block == "exit.block1":
            for number in range(1, middle + 1):
                y = x
                for layer in (1, 2, 3):
                    y = sep(f"middle.block{number}.F.layer{layer}", relu(y))
                x = x + y
        shortcut = norm(f"{block}.shortcut.norm", conv2d(x, state[f"{block}.shortcut.conv.weight"], stride=2))
        y = sep(f"{block}.F.layer2", relu(sep(f"{block}.F.layer1", x if block == "entry2.block1" else relu(x))))
        x = max_pool2d(y, 3, 2, 1) + shortcut
    return relu(sep("exit.layer2", relu(sep("exit.layer1", x))))


@pytest.mark.parametrize("size", [(64, 64), (97, 65)])
def test_the_network_is_that_of_fig_5(size: tuple[int, int], made: Made) -> None:
    backbone = made(("xception", (("middle", 2), ("width", 0.25)))).eval()
    images = torch.randn(2, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images)["exit"], obvious(backbone.state_dict(), images, middle=2))


def test_thirty_six_convolutions() -> None:
    """Section 4, a separable one counted as one."""
    with torch.device("meta"):
        backbone = build("xception")
    names = [name for name, part in backbone.named_modules() if isinstance(part, nn.Conv2d)]
    assert sum(1 for name in names if not name.endswith("depthwise") and "shortcut" not in name) == 36
    assert [stage.channels for stage in backbone.stages] == [64, 128, 256, 728, 728, 2048]
    assert [stage.stride for stage in backbone.stages] == [2, 4, 8, 16, 16, 32]
    assert len(list(backbone.get_submodule("middle").children())) == 8


def test_no_stage_changes_the_map_before_it(made: Made) -> None:
    backbone = made(("xception", (("middle", 1), ("width", 0.125)))).eval()
    with torch.no_grad():
        features = backbone(torch.randn(1, 3, 64, 64))
        names = list(features)
        for before, name in pairwise(names):
            torch.testing.assert_close(backbone.get_submodule(name)(features[before]), features[name])
    sums = {name for name, value in features.items() if value.min() < 0}
    assert sums == {"entry2", "entry3", "entry4", "middle"}


@pytest.mark.parametrize(
    ("stem_padding", "sides"),
    [("symmetric", [150, 75, 38, 19, 19, 10]), ("valid", [147, 74, 37, 19, 19, 10])],
)
@pytest.mark.parametrize("padding", ["symmetric", "same"])
def test_sides_of_maps(stem_padding: str, sides: list[int], padding: str) -> None:
    with torch.device("meta"):
        features = build("xception", stem_padding=stem_padding, padding=padding)(torch.empty(1, 3, 299, 299))
    assert [value.shape[2] for value in features.values()] == sides


@pytest.mark.parametrize(
    ("maps", "width", "expected"), [(728, 1.0, 728), (728, 0.5, 368), (32, 0.1, 8), (64, 2.0, 128)]
)
def test_maps_in_steps_of_8(maps: int, width: float, expected: int) -> None:
    assert scaled(maps, width) == expected


def test_settings_that_cannot_be() -> None:
    with pytest.raises(InputError, match=r"width is -0\.5; expected more than 0, e\.g\. 0\.5 for half of the paper's"):
        build("xception", width=-0.5)
    with pytest.raises(InputError, match="middle is 0; expected 1 or more"):
        build("xception", middle=0)
    with pytest.raises(InputError, match="stem_padding is 'same'; expected one of 'symmetric', 'valid'"):
        build("xception", stem_padding="same")
    with pytest.raises(InputError, match="padding is 'end'; expected one of 'symmetric', 'same'"):
        build("xception", padding="end")
