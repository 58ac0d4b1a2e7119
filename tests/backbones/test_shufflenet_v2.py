"""The two units of Fig. 3 and the networks of Table 5; parity with torchvision is tested with its weights."""

import math

import pytest
import torch
from torch import nn

from plusx.backbones.catalogue import architecture, architectures
from plusx.backbones.create import build
from plusx.backbones.shufflenet_v2 import DownsamplingUnit, SplitUnit
from plusx.core.errors import InputError


def test_half_of_the_maps_pass_untouched_and_take_turns_with_the_others() -> None:
    x = torch.randn(2, 8, 6, 7)
    y = SplitUnit(F=nn.Hardtanh(0, 0.5))(x)
    assert torch.equal(y[:, ::2], x[:, :4])
    assert torch.equal(y[:, 1::2], x[:, 4:].clamp(0, 0.5))


def test_both_ways_take_turns_where_the_grid_is_halved() -> None:
    x = torch.randn(2, 3, 6, 8)
    y = DownsamplingUnit(F=nn.MaxPool2d(2), shortcut=nn.AvgPool2d(2))(x)
    assert torch.equal(y[:, ::2], nn.AvgPool2d(2)(x))
    assert torch.equal(y[:, 1::2], nn.MaxPool2d(2)(x))


def test_of_the_untouched_maps_half_are_changed_by_the_next_unit() -> None:
    stage4 = build("shufflenet_v2_x0_5").eval().parts()[3][1]
    unit = next(part for part in stage4.children() if isinstance(part, SplitUnit))
    x = torch.arange(1, 193).float().view(1, 192, 1, 1).expand(1, 192, 2, 2)
    kept, changed = unit(x)[0, :, 0, 0].chunk(2)
    assert torch.equal(kept[::2], torch.arange(1, 49).float())
    assert torch.equal(changed[::2], torch.arange(49, 97).float())


def test_every_network_has_table_5s_form() -> None:
    for name in architectures("shufflenet_v2_*"):
        with torch.device("meta"):
            backbone = build(name)
        width, last = (architecture(name).settings[key] for key in ("width", "last"))
        assert [stage.name for stage in backbone.stages] == ["conv1", "stage2", "stage3", "stage4", "conv5"]
        assert [stage.channels for stage in backbone.stages] == [24, width, 2 * width, 4 * width, last]
        assert [stage.stride for stage in backbone.stages] == [2, 8, 16, 32, 32]
        kinds = [type(part) for part in backbone.modules() if isinstance(part, DownsamplingUnit | SplitUnit)]
        assert kinds.count(DownsamplingUnit) == 3
        assert len(kinds) == 16


@pytest.mark.parametrize(("scale", "millions"), [("0_5", 41), ("1_0", 146), ("1_5", 299), ("2_0", 591)])
def test_table_5_figures_with_the_branches_of_the_authors_own_code(scale: str, millions: int) -> None:
    """There the last 1×1 of stage2's first unit have 24 and width - 24 maps; here half of the width each."""
    found = architecture(f"shufflenet_v2_x{scale}")
    width, stem = found.settings["width"], found.settings["stem"]
    half, points = width // 2, 28 * 28
    here = (half * half + stem * half) * points
    theirs = (half * (width - stem) + stem * stem) * points
    assert math.ceil((found.multiply_adds - here + theirs) / 1e6) == millions


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 117}, "width is 117; expected an even number: the units halve it"),
        ({"width": 0}, "width is 0; expected 2 or more"),
        ({"last": 0}, "last is 0; expected 1 or more"),
    ],
)
def test_halves_must_be_whole(settings: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build("shufflenet_v2_x1_0", **settings)
