"""MobileNetV3 against Tables 1 and 2 of its paper."""

from typing import Any

import pytest
import torch
from torch import nn

from plusx.backbones.catalogue import architecture
from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Hidden
from plusx.nn.squeeze_excite import SqueezeExcite

TABLE_1 = """
    3 16 16 - RE 1
    3 64 24 - RE 2
    3 72 24 - RE 1
    5 72 40 SE RE 2
    5 120 40 SE RE 1
    5 120 40 SE RE 1
    3 240 80 - HS 2
    3 200 80 - HS 1
    3 184 80 - HS 1
    3 184 80 - HS 1
    3 480 112 SE HS 1
    3 672 112 SE HS 1
    5 672 160 SE HS 2
    5 960 160 SE HS 1
    5 960 160 SE HS 1
"""
TABLE_2 = """
    3 16 16 SE RE 2
    3 72 24 - RE 2
    3 88 24 - RE 1
    5 96 40 SE HS 2
    5 240 40 SE HS 1
    5 240 40 SE HS 1
    5 120 48 SE HS 1
    5 144 48 SE HS 1
    5 288 96 SE HS 2
    5 576 96 SE HS 1
    5 576 96 SE HS 1
"""


def meta(name: str, **settings: Any) -> Backbone:
    with torch.device("meta"):
        return build(name, **settings)


def lines(backbone: Backbone) -> list[str]:
    """Every block as a line of the tables: kernel, exp size, out, SE, NL, s."""
    found = []
    for name, F in backbone.named_modules():
        if name.endswith(".F"):
            depthwise, project = F.get_submodule("depthwise.conv"), F.get_submodule("project.conv")
            assert isinstance(depthwise, nn.Conv2d)
            assert isinstance(project, nn.Conv2d)
            SE = "SE" if any(isinstance(part, SqueezeExcite) for part in F.children()) else "-"
            NL = "HS" if isinstance(F.get_submodule("depthwise.act"), nn.Hardswish) else "RE"
            kernel, stride = depthwise.kernel_size[0], depthwise.stride[0]
            found.append(f"{kernel} {depthwise.out_channels} {project.out_channels} {SE} {NL} {stride}")
    return found


@pytest.mark.parametrize(("name", "table"), [("mobilenet_v3_large", TABLE_1), ("mobilenet_v3_small", TABLE_2)])
def test_blocks_are_the_lines_of_the_tables(name: str, table: str) -> None:
    assert lines(meta(name)) == [line.strip() for line in table.strip().splitlines()]


@pytest.mark.parametrize(("name", "table"), [("mobilenet_v3_large", TABLE_1), ("mobilenet_v3_small", TABLE_2)])
def test_minimal_networks_have_the_same_widths_and_nothing_else(name: str, table: str) -> None:
    backbone = meta(f"{name}_minimal")
    plain = [line.strip().replace("SE", "-").replace("HS", "RE") for line in table.strip().splitlines()]
    assert lines(backbone) == [f"3{line[1:]}" for line in plain]
    assert not any(isinstance(part, nn.Hardswish) for part in backbone.modules())
    assert backbone.hidden is not None
    assert backbone.hidden.activation == "relu"


@pytest.mark.parametrize(
    ("name", "last", "hidden"),
    [
        ("mobilenet_v3_large", 960, 1280),
        ("mobilenet_v3_large_075", 720, 1280),
        ("mobilenet_v3_small", 576, 1024),
        ("mobilenet_v3_small_050", 288, 1024),
    ],
)
def test_the_layer_after_the_pooling(name: str, last: int, hidden: int) -> None:
    backbone = meta(name)
    assert backbone.stages[-1].channels == last
    assert backbone.hidden == Hidden(hidden, "hard_swish")


@pytest.mark.parametrize(("name", "thousands"), [("mobilenet_v3_small", 2947), ("mobilenet_v3_small_075", 2409)])
def test_an_earlier_version_of_the_paper_has_1280_maps_before_the_classifier(name: str, thousands: int) -> None:
    """Table 3 says 2.9e6 and 2.4e6 there, and for the smaller network 44e6 multiply-adds, which later stayed."""
    found, channels, more = architecture(name), build(name).stages[-1].channels, 1280 - 1024
    assert round((found.parameters + more * (channels + 1 + 1000)) / 1e3) == thousands
    if name.endswith("075"):
        assert round((found.multiply_adds + more * (channels + 1000)) / 1e6) == 44


def test_squeezed_to_a_fourth() -> None:
    squeezed = {
        part.expand.out_channels: part.reduce.out_channels
        for part in meta("mobilenet_v3_large").modules()
        if isinstance(part, SqueezeExcite)
    }
    assert squeezed == {72: 24, 120: 32, 480: 120, 672: 168, 960: 240}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"width": -1.0}, r"width is -1\.0; expected more than 0, e\.g\. 0\.75"),
        ({"padding": "valid"}, "padding is 'valid'; expected one of 'symmetric', 'same', 'end'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        build("mobilenet_v3_small", **settings)
