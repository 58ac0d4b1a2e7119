"""What every architecture promises, checked for all that the catalogue names."""

import importlib
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from plusx.backbones.catalogue import architecture, architectures
from plusx.backbones.create import build
from plusx.backbones.variant import VARIANTS, changed
from plusx.core.backbone import Backbone

NAMES = architectures()
EVERY = [pytest.param(name, marks=pytest.mark.slow) if name == "resnet1202" else name for name in NAMES]
DILATED = [name for name in NAMES if architecture(name).module != "cifar"]


@cache
def whole(name: str) -> Backbone:
    """The network without memory for its weights: shapes only."""
    with torch.device("meta"):
        return build(name)


def two_blocks_a_stage(name: str) -> dict[str, Any]:
    return {"n": 2} if architecture(name).module == "cifar" else {"depths": (2, 2, 2, 2)}


@cache
def shallow(name: str, output_stride: int = 32) -> Backbone:
    """All maps, few blocks, shapes only."""
    with torch.device("meta"):
        return build(name, output_stride=output_stride, **two_blocks_a_stage(name))


def thin(name: str, **settings: Any) -> Backbone:
    """The same wiring with few maps and blocks, and statistics as after some training."""
    torch.manual_seed(0)
    width = {} if architecture(name).module == "cifar" else {"width": 16}
    backbone = build(name, **two_blocks_a_stage(name), **width, **settings)
    ranges = {"norm.weight": (0.5, 1.0), "running_mean": (-0.1, 0.1), "running_var": (0.5, 1.5)}
    for key, value in backbone.state_dict().items():
        for ending, (low, high) in ranges.items():
            if key.endswith(ending):
                nn.init.uniform_(value, low, high)
    return backbone


@pytest.mark.parametrize("name", NAMES)
def test_stages_tell_the_truth(name: str) -> None:
    backbone = shallow(name)
    for size in ((97, 65), (32, 32)):
        features = backbone(torch.empty(2, 3, *size, device="meta"))
        for stage in backbone.stages:
            height, width = (-(-side // stage.stride) for side in size)
            assert features[stage.name].shape == (2, stage.channels, height, width), stage
        assert list(features) == [stage.name for stage in backbone.stages] == [part for part, _ in backbone.parts()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("output_stride", [16, 8])
def test_output_stride_is_kept(name: str, output_stride: int) -> None:
    backbone, usual = shallow(name, output_stride), shallow(name)
    features = backbone(torch.empty(1, 3, 97, 65, device="meta"))
    for stage, before in zip(backbone.stages, usual.stages, strict=True):
        assert (stage.name, stage.channels) == (before.name, before.channels)
        assert stage.stride == min(before.stride, output_stride)
        assert features[stage.name].shape[2:] == (-(-97 // stage.stride), -(-65 // stage.stride))


@pytest.mark.parametrize("settings", [{}, {"stride_in": "last", "pool_padding": "zero"}])
@pytest.mark.parametrize("name", DILATED)
def test_dilation_leaves_the_coarse_grid_as_it_was(name: str, settings: dict[str, Any]) -> None:
    if settings and architecture(name).module != "preact":
        settings = {"bias": True}
    fine, coarse = thin(name, output_stride=8, **settings).eval(), thin(name, **settings).eval()
    fine.load_state_dict(coarse.state_dict())
    images = torch.randn(2, 3, 97, 65)
    with torch.no_grad():
        expected, found = coarse(images), fine(images)
    for stage, wide in zip(coarse.stages, fine.stages, strict=True):
        step = stage.stride // wide.stride
        torch.testing.assert_close(found[stage.name][:, :, ::step, ::step], expected[stage.name])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("in_channels", [1, 4])
def test_any_number_of_input_channels(name: str, in_channels: int) -> None:
    backbone, usual = thin(name, in_channels=in_channels), thin(name)
    maps = backbone(torch.randn(2, in_channels, 33, 40))[backbone.stages[-1].name]
    assert maps.isfinite().all()
    first, other = backbone.state_dict(), usual.state_dict()
    assert first.keys() == other.keys()
    assert [key for key in first if first[key].shape != other[key].shape] == ["conv1.conv.weight"]


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_and_every_activation_takes_part_once(name: str) -> None:
    backbone = thin(name)
    calls: list[nn.Module] = []
    activations = [part for part in backbone.modules() if isinstance(part, nn.ReLU)]
    for part in activations:
        part.register_forward_hook(lambda module, _args, _out: calls.append(module))
    backbone(torch.randn(2, 3, 64, 64))[backbone.stages[-1].name].square().sum().backward()
    without = [key for key, p in backbone.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []
    assert sorted(map(id, calls)) == sorted(map(id, activations))


def multiply_adds(backbone: Backbone, size: int) -> int:
    """Of the convolutions, for one image: every output point takes k·k·(input maps of its group) products."""
    counted: list[int] = []

    def count(module: nn.Module, _args: Any, out: torch.Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        counted.append(out.numel() * module.weight[0].numel())

    convolutions = [part for part in backbone.modules() if isinstance(part, nn.Conv2d)]
    handles = [part.register_forward_hook(count) for part in convolutions]
    backbone(torch.empty(1, 3, size, size, device="meta"))
    for handle in handles:
        handle.remove()
    return sum(counted)


@pytest.mark.parametrize("name", EVERY)
def test_parameters_and_multiply_adds_are_those_of_the_catalogue(name: str) -> None:
    found, backbone = architecture(name), whole(name)
    classes = 1000 if found.size == 224 else 10
    head = backbone.stages[-1].channels * classes
    assert sum(p.numel() for p in backbone.parameters()) + head + classes == found.parameters
    assert multiply_adds(backbone, found.size) + head == found.multiply_adds


def test_the_catalogue_and_the_papers_files_name_the_same() -> None:
    for module in {architecture(name).module for name in NAMES}:
        importlib.import_module(f"plusx.backbones.{module}")
    assert sorted(VARIANTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_knows_every_setting_and_its_value(name: str) -> None:
    importlib.import_module(f"plusx.backbones.{architecture(name).module}")
    config = VARIANTS[name].config
    assert dict(architecture(name).settings) == vars(config)
    assert changed(config, architecture(name).settings, name) == config


@pytest.mark.parametrize("name", EVERY)
def test_depth_changes_no_stage(name: str) -> None:
    last = 4 if architecture(name).module == "cifar" else 5
    assert [stage.name for stage in whole(name).stages] == [f"conv{number}" for number in range(1, last + 1)]
    assert whole(name).stages == shallow(name).stages
