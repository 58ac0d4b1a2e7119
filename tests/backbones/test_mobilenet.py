"""MobileNet against the figures of its paper and a network written out layer by layer."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError

STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
"""Of the 13 blocks, Table 1."""


def written_out(backbone: Backbone, x: Tensor, padding: str) -> Tensor:
    """All layers of a network in evaluation mode, with every padding spelt out."""
    parts = iter(part for part in backbone.modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d))

    def layer(x: Tensor, stride: int, groups: int, first: bool = False) -> Tensor:
        conv, norm = next(parts), next(parts)
        assert isinstance(conv, nn.Conv2d)
        if conv.kernel_size == (3, 3):
            (top, bottom), (left, right) = (around(side, stride, first) for side in x.shape[2:])
            x = pad(x, (left, right, top, bottom))
        return norm(conv2d(x, conv.weight, stride=stride, groups=groups)).clamp(0, 6)

    def around(side: int, stride: int, first: bool) -> tuple[int, int]:
        if stride == 1 or padding == "symmetric":
            return 1, 1
        if padding == "end" and not first:
            return 0, 1
        total = max((-(-side // 2) - 1) * 2 + 3 - side, 0)
        return total // 2, total - total // 2

    x = layer(x, 2, 1, first=True)
    for stride in STRIDES:
        x = layer(x, stride, x.shape[1])
        x = layer(x, 1, 1)
    return x


@pytest.mark.parametrize("padding", ["symmetric", "same", "end"])
@pytest.mark.parametrize("size", [(64, 64), (225, 193), (33, 50)])
def test_layers_written_out_give_the_same(padding: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    backbone = build("mobilenet_v1_025", padding=padding).eval()
    for part in backbone.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.1)
    images = torch.randn(1, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images)["conv5"], written_out(backbone, images, padding))


def test_where_multiply_adds_and_parameters_are() -> None:
    """Table 2 of the paper, in percent. It prints 1.19 for the full 3×3: two digits changed places, for with 1.91 the
    column's sum is 100."""
    with torch.device("meta"):
        backbone = build("mobilenet_v1")
    products = dict.fromkeys(("1x1", "dw", "3x3"), 0)
    weights = dict(products)

    def count(part: nn.Module, _args: object, out: Tensor) -> None:
        assert isinstance(part, nn.Conv2d)
        kind = "1x1" if part.kernel_size == (1, 1) else "dw" if part.groups > 1 else "3x3"
        weights[kind] += part.weight.numel()
        products[kind] += out.numel() * part.weight[0].numel()

    for part in backbone.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(count)
    backbone(torch.empty(1, 3, 224, 224, device="meta"))
    fc = 1024 * 1000
    total, all_weights = sum(products.values()) + fc, sum(weights.values()) + fc
    assert {kind: round(100 * value / total, 2) for kind, value in products.items()} == pytest.approx(
        {"1x1": 94.86, "dw": 3.06, "3x3": 1.91}, abs=0.005
    )
    assert {kind: round(100 * value / all_weights, 2) for kind, value in weights.items()} == pytest.approx(
        {"1x1": 74.59, "dw": 1.06, "3x3": 0.02}, abs=0.005
    )


def test_a_block_costs_1_of_N_plus_1_of_9_of_a_full_convolution() -> None:
    """Eq. 5, for N = 128 maps."""
    block = build("mobilenet_v1").get_submodule("conv2.block2")
    weights = sum(part.weight.numel() for part in block.modules() if isinstance(part, nn.Conv2d))
    assert weights / (9 * 128 * 128) == pytest.approx(1 / 128 + 1 / 9)


@pytest.mark.parametrize(("width", "first", "last"), [(0.25, 8, 256), (0.3, 9, 307), (0.75, 24, 768), (1.25, 40, 1280)])
def test_width_multiplies_every_layer_rounded_down(width: float, first: int, last: int) -> None:
    with torch.device("meta"):
        backbone = build("mobilenet_v1", width=width)
    stem = backbone.get_submodule("conv1.stem.conv")
    assert isinstance(stem, nn.Conv2d)
    assert (stem.out_channels, backbone.stages[-1].channels) == (first, last)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"width": 0.01}, "maps_of_the_first_convolution is 0; expected 1 or more"),
        ({"padding": "valid"}, "padding is 'valid'; expected one of 'symmetric', 'same', 'end'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        build("mobilenet_v1", **settings)
