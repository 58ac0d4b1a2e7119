"""Against Fig. 4 of Chen et al. 2018."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.nn.residual import PreActResidual

Made = Callable[..., Backbone]


@pytest.mark.parametrize(("name", "layers"), [("xception41", 41), ("xception65", 65), ("xception71", 71)])
def test_the_name_says_how_many_convolutions(name: str, layers: int) -> None:
    """A separable one counted as one; those of shortcuts not."""
    with torch.device("meta"):
        backbone = build(name)
    names = [name for name, part in backbone.named_modules() if isinstance(part, nn.Conv2d)]
    assert sum(1 for name in names if "depthwise" not in name and "shortcut" not in name) == layers
    assert [stage.channels for stage in backbone.stages] == [64, 128, 256, 728, 728, 2048]
    assert [stage.stride for stage in backbone.stages] == [2, 4, 8, 16, 16, 32]
    assert not any(isinstance(part, nn.MaxPool2d) for part in backbone.modules())


def test_every_half_is_normalised() -> None:
    with torch.device("meta"):
        backbone = build("xception65")
    parts = [part for part in backbone.modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)]
    kinds = [isinstance(part, nn.Conv2d) for part in parts]
    assert kinds == [True, False] * (len(kinds) // 2)
    assert {part.eps for part in parts if isinstance(part, nn.BatchNorm2d)} == {1e-3}


@pytest.mark.parametrize("settings", [{"output_stride": 8}, {"output_stride": 16}, {"small_input": True}])
def test_shortcuts_do_not_depend_on_what_became_of_the_strides(settings: dict[str, int | bool]) -> None:
    """xception71 has blocks of stride 2 that keep the number of maps."""
    with torch.device("meta"):
        usual, changed = build("xception71").state_dict(), build("xception71", **settings).state_dict()  # pyrefly: ignore
    assert {name: value.shape for name, value in changed.items()} == {
        name: value.shape for name, value in usual.items()
    }
    assert usual["entry3.block2.shortcut.conv.weight"].shape == (256, 256, 1, 1)


def test_a_block_adds_its_input_to_what_f_makes_of_its_positive_part(made: Made) -> None:
    backbone = made(("xception41", (("depths", (1, 1, 1, 1)), ("width", 0.125)))).eval()
    block = backbone.get_submodule("middle.block1")
    assert isinstance(block, PreActResidual)
    x = torch.randn(2, backbone.stages[3].channels, 6, 5)
    before = x.clone()
    with torch.no_grad():
        torch.testing.assert_close(block(x), before + block.F(before.clamp(min=0)))
    assert torch.equal(x, before)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(
        InputError, match="depths has 3 numbers; expected 4: the blocks of entry2, entry3, entry4, middle"
    ):
        build("xception41", depths=(1, 1, 8))
    with pytest.raises(InputError, match="depths is 0; expected 1 or more"):
        build("xception41", depths=(1, 1, 1, 0))
    with pytest.raises(InputError, match=r"width is 0\.0; expected more than 0"):
        build("xception41", width=0.0)
