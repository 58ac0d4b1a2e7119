"""Against torchvision's networks, with their weights, in both modes and with gradients."""

from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from plusx.backbones.catalogue import architecture, architectures
from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError

NAMES = ["resnet18", "resnet50", "resnext50_32x4d"]
DEEP = [
    "resnet34",
    "resnet101",
    "resnet152",
    "wide_resnet50_2",
    "wide_resnet101_2",
    "resnext101_32x8d",
    "resnext101_64x4d",
]
EVERY = [*NAMES, *(pytest.param(name, marks=pytest.mark.slow) for name in DEEP)]


def pair(name: str, output_stride: int = 32) -> tuple[Backbone, nn.Module]:
    """Ours and torchvision's with the same weights: the tensors stand in the same order."""
    torch.manual_seed(0)
    dilated = [False, output_stride <= 8, output_stride <= 16]
    settings: dict[str, Any] = {"replace_stride_with_dilation": dilated} if output_stride < 32 else {}
    reference = torchvision.models.get_model(name, weights=None, **settings)
    reference.fc = nn.Identity()
    for part in reference.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.0)
            nn.init.normal_(part.bias, std=0.1)
    backbone = build(name, output_stride=output_stride)
    backbone.channels_last = ()  # the reference's memory format, in which statistics of few points are rounded alike
    values = list(reference.state_dict().values())
    backbone.load_state_dict(dict(zip(backbone.state_dict(), values, strict=True)))
    return backbone, reference


def pooled(backbone: Backbone, images: Tensor) -> Tensor:
    return backbone(images)["conv5"].mean((2, 3))


@pytest.mark.parametrize("name", EVERY)
def test_same_output_and_gradients_as_torchvision(name: str) -> None:
    backbone, reference = pair(name)
    images = torch.randn(2, 3, 97, 65)
    for training in (True, False):
        ours, theirs = pooled(backbone.train(training), images), reference.train(training)(images)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
        direction = torch.randn_like(ours)
        (ours * direction).sum().backward()
        (theirs * direction).sum().backward()
        for mine, other in zip(backbone.parameters(), reference.parameters(), strict=True):
            assert mine.grad is not None
            assert other.grad is not None
            torch.testing.assert_close(mine.grad, other.grad, rtol=1e-3, atol=1e-4 * other.grad.abs().max().item())
    for mine, other in zip(backbone.buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("output_stride", [16, 8])
def test_same_dilation_as_torchvision(output_stride: int) -> None:
    backbone, reference = pair("resnet50", output_stride)
    images = torch.randn(1, 3, 65, 97)
    with torch.no_grad():
        torch.testing.assert_close(pooled(backbone.eval(), images), reference.eval()(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*NAMES, *DEEP])
def test_same_number_of_parameters_as_torchvision(name: str) -> None:
    weights = next(iter(torchvision.models.get_model_weights(name)))
    assert architecture(name).parameters == weights.meta["num_params"]


def test_the_original_form_differs_in_the_stride_alone() -> None:
    for now, original in (("resnet50", "resnet50_v1"), ("resnet101", "resnet101_v1"), ("resnet152", "resnet152_v1")):
        with torch.device("meta"):
            convolutions = [
                {
                    key: (part.kernel_size, part.stride)
                    for key, part in build(name).named_modules()
                    if is_convolution(part)
                }
                for name in (now, original)
            ]
        changed = {key.split(".", 2)[2] for key in convolutions[0] if convolutions[0][key] != convolutions[1][key]}
        assert changed == {"F.layer1.conv", "F.layer2.conv"}
        assert convolutions[1]["conv3.block1.F.layer1.conv"] == ((1, 1), (2, 2))
        assert convolutions[1]["conv3.block1.F.layer2.conv"] == ((3, 3), (1, 1))


def is_convolution(part: nn.Module) -> bool:
    return isinstance(part, nn.Conv2d)


def test_plain_networks_are_residual_ones_without_the_sum() -> None:
    for plain, residual in (("plain18", "resnet18"), ("plain34", "resnet34")):
        with torch.device("meta"):
            keys, more = set(build(plain).state_dict()), set(build(residual).state_dict())
        assert keys < more
        assert all(".shortcut." in key for key in more - keys)
        assert architecture(plain).parameters < architecture(residual).parameters


def test_zero_init_makes_every_block_its_shortcut() -> None:
    backbone = build("resnet18", zero_init_residual=True, width=8)
    images = torch.randn(2, 3, 64, 64)
    conv1 = backbone(images)["conv1"]
    assert torch.equal(backbone(images)["conv2"], nn.functional.max_pool2d(conv1, 3, 2, 1))


@pytest.mark.parametrize("size", [64, 65])
def test_the_pool_of_caffe_rounds_up_and_pads_nothing_before(size: int) -> None:
    backbone = build("resnet18", pool_padding="end", width=8)
    x = torch.randn(1, 8, size, size)
    pool = backbone.get_submodule("conv2.pool")
    assert torch.equal(pool(x), nn.functional.max_pool2d(x, 3, 2, ceil_mode=True))


def test_bias_and_eps_reach_every_layer() -> None:
    backbone = build("resnet50_v1", bias=True, eps=1.001e-5, width=8)
    assert all(part.bias is not None for part in backbone.modules() if isinstance(part, nn.Conv2d))
    assert {part.eps for part in backbone.modules() if isinstance(part, nn.BatchNorm2d)} == {1.001e-5}


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("resnet18", {"stride_on": "1x1"}, "stride_on='1x1' has no effect without bottlenecks; leave it out"),
        ("resnet50", {"stride_on": "5x5"}, "stride_on is '5x5'; expected one of '3x3', '1x1'"),
        ("resnet18", {"pool_padding": "zero"}, "pool_padding is 'zero'; expected one of 'symmetric', 'same', 'end'"),
        ("resnet50", {"depths": ()}, "depths is 0; expected 1 or more"),
        ("resnet50", {"depths": (3, 0, 6, 3)}, "depths is 0; expected 1 or more"),
        ("resnet50", {"width": 0}, "width is 0; expected 1 or more"),
        ("plain18", {"zero_init_residual": True}, "zero_init_residual has no effect on a network without residual"),
        ("resnext50_32x4d", {"width": 12}, "24 maps do not divide into 32 groups; choose another width than 12"),
    ],
)
def test_settings_that_cannot_be(name: str, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        build(name, **settings)


def test_aggregated_paths_are_groups_of_the_3x3() -> None:
    for name, C, d in (("resnext50_32x4d", 32, 4), ("resnext101_32x8d", 32, 8), ("resnext101_64x4d", 64, 4)):
        with torch.device("meta"):
            layer = build(name).get_submodule("conv2.block1.F.layer2.conv")
        assert isinstance(layer, nn.Conv2d)
        assert (layer.groups, layer.in_channels // layer.groups, layer.out_channels) == (C, d, C * d)
    assert "resnext50_32x4d" in architectures("resnext*")
