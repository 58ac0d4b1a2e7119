"""Against the paper: where the scaling stands, what it is, and what it costs."""

import pytest
import torch
from torch import Tensor, nn

from plusx.backbones.catalogue import architecture
from plusx.backbones.count import multiply_adds
from plusx.backbones.create import build


def test_a_block_scales_what_f_gives_before_the_sum() -> None:
    torch.manual_seed(0)
    block = build("se_resnet50", width=8).eval().get_submodule("conv3.block2")
    x = torch.rand(2, 64, 9, 7)

    def layer(name: str, value: Tensor) -> Tensor:
        return block.get_submodule(name)(value)

    u = layer("F.layer3", layer("F.layer2", layer("F.layer1", x)))
    z = torch.stack([u[:, c].sum(dim=(1, 2)) / (9 * 7) for c in range(64)], dim=1)[:, :, None, None]
    s = 1 / (1 + torch.exp(-layer("F.se.expand", layer("F.se.reduce", z).clamp(min=0))))
    expected = (u * s + x).clamp(min=0)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(("name", "without"), [("se_resnet50", "resnet50"), ("se_resnet152", "resnet152")])
def test_squeeze_and_excitation_costs_what_section_4_says(name: str, without: str) -> None:
    """2 / r · Σ N_s · C_s² weights (eq. 5), and the biases of both layers."""
    blocks = zip(architecture(without).settings["depths"], (256, 512, 1024, 2048), strict=True)
    more = sum(n * (2 * C * C // 16 + C + C // 16) for n, C in blocks)
    assert architecture(name).parameters - architecture(without).parameters == more


def test_multiply_adds_of_the_paper_with_its_stride() -> None:
    """Table 2: 3.87 GFLOPs for SE-ResNet-50, whose stride is on the first 1×1."""
    with torch.device("meta"):
        backbone = build("se_resnet50", stride_on="1x1", pool_padding="end")
    assert multiply_adds(backbone, 1000, 224) == pytest.approx(3.87e9, rel=0.005)


def test_zero_init_makes_every_block_its_shortcut() -> None:
    backbone = build("se_resnet50", zero_init_residual=True, width=8)
    x = torch.rand(2, 32, 8, 8)
    assert torch.equal(backbone.get_submodule("conv2.block2")(x), x)


def test_narrow_networks_keep_one_channel_in_between() -> None:
    layer = build("se_resnet50", width=2).get_submodule("conv2.block1.F.se.reduce")
    assert isinstance(layer, nn.Conv2d)
    assert layer.out_channels == 1
