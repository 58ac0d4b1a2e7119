"""MobileNetV2 against Table 2 of its paper."""

from typing import Any

import pytest
import torch
from torch import nn

from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.nn.inverted_residual import InvertedResidual

TABLE_2 = [  # t, c, n, s
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def meta(name: str, **settings: Any) -> Backbone:
    with torch.device("meta"):
        return build(name, **settings)


def convolutions(backbone: Backbone, layer: str) -> list[nn.Conv2d]:
    return [
        part
        for name, part in backbone.named_modules()
        if name.endswith(f"F.{layer}.conv") and isinstance(part, nn.Conv2d)
    ]


def test_blocks_are_the_lines_of_table_2() -> None:
    backbone = meta("mobilenet_v2")
    expected, channels = [], 32
    for t, c, n, s in TABLE_2:
        for index in range(n):
            expected.append((t * channels, c, s if index == 0 else 1))
            channels = c
    found = zip(convolutions(backbone, "depthwise"), convolutions(backbone, "project"), strict=True)
    assert [(dw.out_channels, pw.out_channels, dw.stride[0]) for dw, pw in found] == expected


def test_ten_blocks_of_seventeen_add_their_input() -> None:
    assert sum(isinstance(part, InvertedResidual) for part in meta("mobilenet_v2").modules()) == 10


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("mobilenet_v2_035", 16, 1280),
        ("mobilenet_v2_050", 16, 1280),
        ("mobilenet_v2", 32, 1280),
        ("mobilenet_v2_140", 48, 1792),
        ("mobilenet_v2_120d", 32, 1280),
    ],
)
def test_the_last_convolution_grows_with_the_width_but_does_not_shrink(name: str, first: int, last: int) -> None:
    backbone = meta(name)
    stem = backbone.get_submodule("conv1.stem.conv")
    assert isinstance(stem, nn.Conv2d)
    assert (stem.out_channels, backbone.stages[-1].channels) == (first, last)


def test_a_stage_is_what_lies_between_two_halvings() -> None:
    channels = [stage.channels for stage in meta("mobilenet_v2").stages]
    assert channels == [16, 24, 32, 96, 1280]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"depths": (1, 2, 3)}, r"depths is \(1, 2, 3\); expected 7 numbers of blocks, one for each line of Table 2"),
        ({"depths": (1, 2, 3, 0, 3, 3, 1)}, "depths is 0; expected 1 or more"),
        ({"width": 0}, "width is 0; expected more than 0, e.g. 0.5"),
        ({"padding": "valid"}, "padding is 'valid'; expected one of 'symmetric', 'same', 'end'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        build("mobilenet_v2", **settings)
