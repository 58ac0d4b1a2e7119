"""Against torchvision and segmentation_models_pytorch: random weights and statistics copied, both modes, gradients."""

from collections.abc import Callable
from typing import Any, final

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torchvision.models import segmentation as torchvision

from dense import assert_same, move, trained
from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.nn.segmentation.deeplab import DeepLabV3, DeepLabV3Plus
from plusx.nn.segmentation.fcn import FCNHead
from plusx.nn.segmentation.lraspp import LRASPP
from plusx.nn.segmentation.maps import resized
from plusx.nn.segmentation.unet import UNet

SHALLOW = (1, (113, 97))
"""Blocks in a stage, and an odd size."""
WHOLE = pytest.param(None, (225, 193), marks=pytest.mark.slow)
"""All blocks."""

shallow_and_whole = pytest.mark.parametrize(("blocks", "size"), [SHALLOW, WHOLE])


@final
class Ours(nn.Module):
    """Logits of a backbone and a head, on the images' grid where the reference resizes too."""

    def __init__(self, backbone: Backbone, head: nn.Module, *, resize: bool) -> None:
        super().__init__()
        self.backbone, self.head, self.resize = backbone, head, resize

    def forward(self, images: Tensor) -> Tensor:
        logits = self.head(self.backbone(images))
        return resized(logits, images) if self.resize else logits


@final
class Theirs(nn.Module):
    """One map of logits of a reference, whose `head` is the list of its parts that are no backbone."""

    def __init__(
        self, network: nn.Module, head: list[nn.Module], logits: Callable[[nn.Module, Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.network, self.head, self.logits = network, nn.ModuleList(head), logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.network, images)


def assert_parity(ours: Ours, theirs: Theirs, images: Tensor) -> None:
    """Logits in both modes, with dropout, as both draw it in the same order; of the heads also gradients, and the
    statistics after training."""
    found = []
    for network in (ours.eval(), theirs.eval()):
        logits = network(images)
        torch.manual_seed(1)
        (logits * torch.randn(logits.shape)).sum().backward()
        found.append(logits)
    assert_same(*found)
    for mine, other in zip(ours.head.parameters(), theirs.head.parameters(), strict=True):
        assert mine.grad is not None
        assert other.grad is not None
        assert_same(mine.grad, other.grad, 1e-4)
    found.clear()
    for network in (ours.train(), theirs.train()):
        torch.manual_seed(1)
        with torch.no_grad():
            found.append(network(images))
    assert_same(*found)
    for mine, other in zip(ours.head.buffers(), theirs.head.buffers(), strict=True):
        torch.testing.assert_close(mine, other)


def backbone_like(encoder: nn.Module, name: str, blocks: int | None, output_stride: int) -> Backbone:
    """Ours of this name, with the weights of a torchvision residual network that is cut to as many blocks a stage."""
    stages = dict(encoder.named_children())
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        layers = stages[stage]
        assert isinstance(layers, nn.Sequential)
        del layers[len(layers) if blocks is None else blocks :]
    depths: dict[str, Any] = {} if blocks is None else {"depths": (blocks,) * 4}
    backbone = build(name, output_stride=output_stride, **depths)
    move(encoder, backbone)
    return backbone


def spread(convolution: nn.Module, dilation: int) -> None:
    """Give it this dilation, and the padding that keeps the map's sides."""
    assert isinstance(convolution, nn.Conv2d)
    around = dilation * (convolution.kernel_size[0] - 1) // 2
    convolution.dilation, convolution.padding = (dilation, dilation), (around, around)


@pytest.mark.parametrize("part", ["out", "aux"])
@shallow_and_whole
def test_fcn_and_its_auxiliary_head_as_in_torchvision(part: str, blocks: int | None, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    reference = trained(torchvision.fcn_resnet50(weights=None, weights_backbone=None, num_classes=5, aux_loss=True))
    backbone = backbone_like(reference.get_submodule("backbone"), "resnet50", blocks, 8)
    classifier = reference.get_submodule("classifier" if part == "out" else "aux_classifier")
    head = FCNHead(backbone.stages if part == "out" else backbone.stages[:-1], 5)
    move(classifier, head)
    one = Theirs(reference, [classifier], lambda network, images: network(images)[part])
    if part == "aux":  # torchvision calls it second, and the first one's dropout would draw before
        reference.set_submodule("classifier.3", nn.Identity())
    assert_parity(Ours(backbone, head, resize=True), one, torch.randn(2, 3, *size))


@shallow_and_whole
def test_deeplabv3_as_in_torchvision(blocks: int | None, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    reference = trained(torchvision.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=5))
    backbone = backbone_like(reference.get_submodule("backbone"), "resnet50", blocks, 8)
    head = DeepLabV3(backbone.stages, 5)
    classifier = reference.get_submodule("classifier")
    move(classifier, head)
    theirs = Theirs(reference, [classifier], lambda network, images: network(images)["out"])
    assert_parity(Ours(backbone, head, resize=True), theirs, torch.randn(2, 3, *size))


def test_lraspp_as_in_torchvision() -> None:
    """But for the finer map, of which torchvision takes the stage's first block, 4, and for the kernel that had the
    stride, which it spreads too."""
    torch.manual_seed(0)
    reference = trained(torchvision.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5))
    features = reference.get_submodule("backbone")
    features.return_layers = {"6": "low", "16": "high"}  # pyrefly: ignore
    spread(features.get_submodule("13.block.1.0"), 1)
    backbone = build("mobilenet_v3_large", output_stride=16)
    move(features, backbone)
    head, classifier = LRASPP(backbone.stages, 5), reference.get_submodule("classifier")
    move(classifier, head)
    theirs = Theirs(reference, [classifier], lambda network, images: network(images)["out"])
    assert_parity(Ours(backbone, head, resize=True), theirs, torch.randn(2, 3, 225, 193))


@pytest.mark.parametrize("name", ["resnet18", pytest.param("resnet50", marks=pytest.mark.slow)])
def test_unet_as_in_smp(name: str) -> None:
    """Sides that every later halving finds odd; the first does not, as smp ends on the images' own grid."""
    torch.manual_seed(0)
    reference = trained(smp.Unet(name, encoder_weights=None, classes=5))
    backbone = backbone_like(reference.get_submodule("encoder"), name, None, 32)
    head = UNet(backbone.stages, 5)
    parts = [reference.get_submodule("decoder"), reference.get_submodule("segmentation_head")]
    move(nn.ModuleList(parts), head)
    theirs = Theirs(reference, parts, lambda network, images: network(images))
    assert_parity(Ours(backbone, head, resize=False), theirs, torch.randn(2, 3, 226, 194))


@pytest.mark.parametrize("output_stride", [16, 8])
def test_deeplabv3_plus_as_in_smp(output_stride: int) -> None:
    """But for the kernel that had the stride, which smp spreads too."""
    torch.manual_seed(0)
    rates = {16: (6, 12, 18), 8: (12, 24, 36)}[output_stride]
    reference = trained(
        smp.DeepLabV3Plus(
            "resnet18",
            encoder_weights=None,
            encoder_output_stride=output_stride,
            decoder_atrous_rates=rates,
            classes=5,
        )
    )
    encoder = reference.get_submodule("encoder")
    backbone = backbone_like(encoder, "resnet18", None, output_stride)
    for stage, dilation in {16: {"layer4": 1}, 8: {"layer3": 1, "layer4": 2}}[output_stride].items():
        spread(encoder.get_submodule(f"{stage}.0.conv1"), dilation)
    head = DeepLabV3Plus(backbone.stages, 5)
    parts = [reference.get_submodule("decoder"), reference.get_submodule("segmentation_head")]
    move(nn.ModuleList(parts), head)
    theirs = Theirs(reference, parts, smp_logits)
    assert_parity(Ours(backbone, head, resize=False), theirs, torch.randn(2, 3, 240, 208))


def smp_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Before they are resized to the images, which in smp puts corners on corners."""
    x = network.get_submodule("decoder")(network.get_submodule("encoder")(images))
    return network.get_submodule("segmentation_head.0")(x)
