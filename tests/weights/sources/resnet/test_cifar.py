"""The two common ways of writing CIFAR checkpoints, against a slow and obvious network written here."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusx.core.errors import WeightsError
from plusx.weights.create import create_model

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]
WIDTHS = (16, 32, 64)


class Obvious(nn.Module):
    """6n + 2 layers under the names of the checkpoints; `shortcut` and `head` are what those call these parts."""

    def __init__(self, n: int, classes: int, *, shortcut: str, head: str, projects: bool) -> None:
        super().__init__()
        self.n, self.shortcut, self.head, self.projects = n, shortcut, head, projects
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for number, width in enumerate(WIDTHS, 1):
            layer = nn.Module()
            for index in range(n):
                layer.add_module(str(index), self.block(channels, width))
                channels = width
            self.add_module(f"layer{number}", layer)
        self.add_module(head, nn.Linear(64, classes))

    def block(self, channels: int, width: int) -> nn.Module:
        block = nn.Module()
        block.conv1 = nn.Conv2d(channels, width, 3, 1 if channels == width else 2, 1, bias=False)
        block.bn1 = nn.BatchNorm2d(width)
        block.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        block.bn2 = nn.BatchNorm2d(width)
        if self.projects and channels != width:
            projection = nn.Sequential(nn.Conv2d(channels, width, 1, 2, bias=False), nn.BatchNorm2d(width))
            block.add_module(self.shortcut, projection)
        return block

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        for number, width in enumerate(WIDTHS, 1):
            for index in range(self.n):
                x = self.run(self.get_submodule(f"layer{number}.{index}"), x, width)
        return self.get_submodule(self.head)(x.mean((2, 3)))

    def run(self, block: nn.Module, x: Tensor, width: int) -> Tensor:
        y = F.relu(block.get_submodule("bn1")(block.get_submodule("conv1")(x)))
        y = block.get_submodule("bn2")(block.get_submodule("conv2")(y))
        new = width - x.shape[1]
        if new and self.projects:
            x = block.get_submodule(self.shortcut)(x)
        elif new:  # half of the new maps before, half after
            zeros = x.new_zeros(len(x), new // 2, x.shape[2] // 2, x.shape[3] // 2)
            x = torch.cat([zeros, x[:, :, ::2, ::2], zeros], dim=1)
        return F.relu(y + x)


def bound(reference: Obvious) -> None:
    """Every F(x) about a share of 1 / √n, so that sums of hundreds stay of the size of one."""
    for name, tensor in reference.state_dict().items():
        if name.endswith("bn2.weight"):
            tensor.mul_(reference.n**-0.5)


LINEAR = {"shortcut": "shortcut", "head": "linear"}
FC = {"shortcut": "downsample", "head": "fc"}


def agree(name: str, reference: nn.Module, path: Path, distance: Distance) -> None:
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        found, expected = create_model(name, classes=10, weights=str(path)).eval()(images), reference(images)
    assert distance(expected[:1], expected[1:]) > 1e-2  # images come through
    assert distance(found, expected) <= 1e-5


@pytest.mark.parametrize(
    ("name", "n"), [("resnet20", 3), ("resnet56", 9), pytest.param("resnet1202", 200, marks=pytest.mark.slow)]
)
def test_parameter_free_shortcuts_in_a_dict_with_module_prefix(
    name: str, n: int, tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    reference = Obvious(n, 10, **LINEAR, projects=False)
    randomise(reference)
    bound(reference)
    prefixed = {f"module.{key}": tensor for key, tensor in reference.state_dict().items()}
    torch.save({"state_dict": prefixed, "best_prec1": 91.7}, tmp_path / "resnet.th")
    agree(name, reference, tmp_path / "resnet.th", distance)


@pytest.mark.parametrize("names", [LINEAR, FC], ids=["linear", "fc"])
def test_projections_are_seen_in_the_file(
    names: dict[str, str], tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    reference = randomise(Obvious(3, 10, **names, projects=True))
    torch.save(reference.state_dict(), tmp_path / "resnet.pt")
    agree("resnet20", reference, tmp_path / "resnet.pt", distance)


def test_before_counts_of_batches_were_saved(tmp_path: Path, randomise: Randomise, distance: Distance) -> None:
    reference = randomise(Obvious(3, 10, **LINEAR, projects=False))
    old = {key: tensor for key, tensor in reference.state_dict().items() if "num_batches" not in key}
    torch.save({"net": old, "acc": 91.7, "epoch": 3}, tmp_path / "ckpt.pth")
    agree("resnet20", reference, tmp_path / "ckpt.pth", distance)


def test_another_depth_does_not_fit(tmp_path: Path) -> None:
    torch.save(Obvious(3, 10, **LINEAR, projects=False).state_dict(), tmp_path / "resnet20.th")
    with pytest.raises(WeightsError, match=r"missing in the file \(60\): layer1\.3\.conv1\.weight") as error:
        create_model("resnet32", classes=10, weights=str(tmp_path / "resnet20.th"))
    assert "unexpected" not in str(error.value)
    assert "\nIts tensors are those of plain20 or resnet20. Name one of them instead of resnet32, or" in str(
        error.value
    )
