"""The whole network of the paper against one written plainly from its Fig. 1."""

import torch
from torch import Tensor, nn

from dense import assert_same, move, trained
from plusx.backbones.create import build
from plusx.nn.segmentation.unet import UNetPaper


def twice(in_channels: int, channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (in_channels, channels):
        layers += [nn.Conv2d(inputs, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers)


class Plain(nn.Module):
    """Padded and normalised; sides that four halvings find even."""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        widths = (64, 128, 256, 512, 1024)
        pairs = zip((in_channels, *widths), widths, strict=False)
        self.down = nn.ModuleList(twice(*pair) for pair in pairs)
        steps = [(nn.ConvTranspose2d(2 * w, w, 2, stride=2), twice(2 * w, w)) for w in reversed(widths[:-1])]
        self.up = nn.ModuleList(nn.ModuleList(step) for step in steps)
        self.score = nn.Conv2d(64, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for number, layers in enumerate(self.down):
            x = layers(nn.functional.max_pool2d(x, 2) if number else x)
            skips.append(x)
        for step, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            up, layers = step.children()
            x = layers(torch.cat((skip, up(x)), dim=1))
        return self.score(x)


def test_as_the_paper_draws_it() -> None:
    torch.manual_seed(0)
    reference = trained(Plain(1, 2)).eval()
    backbone = build("unet", in_channels=1)
    ours = nn.ModuleDict({"backbone": backbone, "head": UNetPaper(backbone.stages, 2)}).eval()
    move(reference, ours)
    images = torch.randn(1, 1, 64, 96)
    with torch.no_grad():
        assert_same(ours["head"](backbone(images)), reference(images))


def test_parameters_of_the_known_implementations() -> None:
    """31,037,633: what Pytorch-UNet and its many copies print for three channels and one class."""
    with torch.device("meta"):
        backbone = build("unet")
        head = UNetPaper(backbone.stages, 1)
    assert sum(p.numel() for part in (backbone, head) for p in part.parameters()) == 31_037_633
