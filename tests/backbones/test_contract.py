"""What every architecture promises, checked for all that the catalogue names: a new paper's file is tested unasked."""

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plusx.backbones.catalogue import architecture, architectures
from plusx.backbones.count import multiply_adds, parameters
from plusx.backbones.create import build
from plusx.backbones.variant import VARIANTS, changed
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError

Form = tuple[str, tuple[tuple[str, Any], ...]]
Made = Callable[..., Backbone]

NAMES = architectures()
MODULES = sorted({architecture(name).module for name in NAMES})
LARGE = [name for name in NAMES if architecture(name).size > 64]
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.Sigmoid)


def of_module(module: str, names: list[str]) -> str:
    """The cheapest of that paper's file."""
    found = [name for name in names if architecture(name).module == module]
    return min(found, key=lambda name: architecture(name).multiply_adds)


def quick(names: list[str]) -> list[Any]:
    """The cheapest of every file at once, all others marked slow."""
    first = {of_module(module, names) for module in {architecture(name).module for name in names}}
    return [name if name in first else pytest.param(name, marks=pytest.mark.slow) for name in names]


def fits(side: int, points: int, stride: int) -> bool:
    """Whether a side became as many points as the stride says, each halving rounded up or down."""
    return side // stride <= points <= -(-side // stride)


@cache
def whole(name: str, **settings: Any) -> Backbone:
    """The network without memory for its weights: shapes only."""
    with torch.device("meta"):
        return build(name, **settings)


@pytest.mark.parametrize("name", quick(NAMES))
def test_stages_tell_the_truth(name: str) -> None:
    backbone = whole(name)
    for height, width in ((97, 65), (32, 32)):
        features = backbone(torch.empty(2, 3, height, width, device="meta"))
        for stage in backbone.stages:
            found = features[stage.name].shape
            assert found[:2] == (2, stage.channels), stage
            assert fits(height, found[2], stage.stride), (stage, found)
            assert fits(width, found[3], stage.stride), (stage, found)
        assert list(features) == [stage.name for stage in backbone.stages] == [part for part, _ in backbone.parts()]


@pytest.mark.parametrize("name", quick(NAMES))
@pytest.mark.parametrize("output_stride", [16, 8])
def test_output_stride_is_kept(name: str, output_stride: int) -> None:
    backbone, usual = whole(name, output_stride=output_stride), whole(name)
    features = backbone(torch.empty(1, 3, 97, 65, device="meta"))
    for stage, before in zip(backbone.stages, usual.stages, strict=True):
        assert (stage.name, stage.channels) == (before.name, before.channels)
        assert stage.stride == min(before.stride, output_stride)
        assert fits(97, features[stage.name].shape[2], stage.stride)
        assert fits(65, features[stage.name].shape[3], stage.stride)


def test_dilation_leaves_the_coarse_grid_as_it_was(form: Form, made: Made) -> None:
    fine, coarse = made(form, output_stride=8).eval(), made(form).eval()
    if "padding" in dict(form[1]):
        pytest.skip("without symmetric padding the coarse grid lies elsewhere")
    if any(isinstance(part, nn.AdaptiveAvgPool2d) for part in coarse.modules()):
        pytest.skip("a block that pools the whole map sees more points on the fine grid")
    images = torch.randn(1, 3, 97, 65)
    with torch.no_grad():
        expected, found = coarse(images), fine(images)
    for stage, wide in zip(coarse.stages, fine.stages, strict=True):
        step, (height, width) = stage.stride // wide.stride, expected[stage.name].shape[2:]
        sampled = found[stage.name][:, :, ::step, ::step][:, :, :height, :width]
        noise = 1e-5 * max(10.0, float(expected[stage.name].abs().max()))  # float32, where values reach hundreds
        torch.testing.assert_close(sampled, expected[stage.name], rtol=1e-4, atol=noise)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("in_channels", [1, 4, 12])
def test_any_number_of_input_channels(module: str, in_channels: int, made: Made) -> None:
    name = of_module(module, NAMES)
    backbone = made((name, ()), in_channels=in_channels)
    maps = backbone(torch.randn(2, in_channels, 65, 40))[backbone.stages[-1].name]
    assert maps.isfinite().all()
    mine, usual = backbone.state_dict(), made((name, ())).state_dict()
    assert mine.keys() == usual.keys()
    first = next(key for key, value in mine.items() if value.ndim == 4)
    assert [key for key in mine if mine[key].shape != usual[key].shape] == [first]


@pytest.mark.parametrize("name", quick(LARGE))
def test_a_stem_for_small_images(name: str) -> None:
    backbone = whole(name, small_input=True)
    assert backbone.stages[0].stride == 1
    assert backbone.stages[-1].stride == 8
    features = backbone(torch.empty(2, 3, 32, 32, device="meta"))
    assert features[backbone.stages[-1].name].shape[2:] == (4, 4)
    for stage, usual in zip(backbone.stages, whole(name).stages, strict=True):
        assert (stage.name, stage.channels) == (usual.name, usual.channels)


@pytest.mark.parametrize("name", architectures())
def test_what_large_networks_are_told_to_try_with_small_images_they_have(name: str) -> None:
    assert (architecture(name).size > 64) == ("small_input" in architecture(name).settings)


def test_images_too_small_or_without_batch(form: Form, made: Made) -> None:
    backbone = made(form)
    stride = backbone.stages[-1].stride
    with pytest.raises(
        InputError, match=rf"images of 40×{stride - 1} pixels .* Enlarge them to {stride}×{stride} or more"
    ):
        backbone(torch.randn(1, 3, 40, stride - 1))
    with pytest.raises(InputError, match=r"images have shape \(3, 40, 40\); expected four sizes: batch, channels"):
        backbone(torch.randn(3, 40, 40))


def test_one_image_that_ends_as_one_point(form: Form, made: Made) -> None:
    backbone = made(form)
    side = backbone.stages[-1].stride
    with pytest.raises(InputError, match=rf"one image of {side}×{side} pixels ends as a single point, .* or eval mode"):
        backbone(torch.randn(1, 3, side, side))
    assert backbone.eval()(torch.randn(1, 3, side, side))[backbone.stages[-1].name].isfinite().all()


def test_every_parameter_and_every_activation_takes_part_once(form: Form, made: Made) -> None:
    backbone = made(form)
    calls: list[nn.Module] = []
    activations = [part for part in backbone.modules() if isinstance(part, ACTIVATIONS)]
    for part in activations:
        part.register_forward_hook(lambda module, _args, _out: calls.append(module))
    backbone(torch.randn(2, 3, 64, 64))[backbone.stages[-1].name].square().sum().backward()
    without = [key for key, p in backbone.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []
    assert sorted(map(id, calls)) == sorted(map(id, activations))


def test_gradient_checkpointing_changes_nothing_but_memory(form: Form, made: Made) -> None:
    images = torch.randn(2, 3, 64, 64)

    def trained(recompute: bool) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        backbone = made(form)
        backbone.recompute = recompute
        out = backbone(images)[backbone.stages[-1].name]
        out.square().mean().backward()
        gradients = [p.grad for p in backbone.parameters() if p.grad is not None]
        return out, gradients, backbone.state_dict()

    (out, gradients, state), (twice, same, after) = trained(False), trained(True)
    assert torch.equal(out, twice)
    assert len(gradients) == len(same)
    assert all(map(torch.equal, gradients, same))
    assert all(torch.equal(state[key], after[key]) for key in state)


@pytest.mark.parametrize("name", quick(NAMES))
def test_parameters_and_multiply_adds_are_those_of_the_catalogue(name: str) -> None:
    found, backbone = architecture(name), whole(name)
    assert parameters(backbone, found.outputs) == found.parameters
    assert multiply_adds(backbone, found.outputs, found.size) == found.multiply_adds


def test_the_catalogue_and_the_papers_files_name_the_same() -> None:
    for module in MODULES:
        importlib.import_module(f"plusx.backbones.{module}")
    assert sorted(VARIANTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_knows_every_setting_and_its_value(name: str) -> None:
    importlib.import_module(f"plusx.backbones.{architecture(name).module}")
    config = VARIANTS[name].config
    assert dict(architecture(name).settings) == vars(config)
    assert changed(config, architecture(name).settings, name) == config
