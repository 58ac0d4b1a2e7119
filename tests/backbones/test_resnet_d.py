"""Against Fig. 2 of the paper."""

import pytest
import torch
from torch import nn

from plusx.backbones.count import parameters
from plusx.backbones.create import build


def convolutions(module: nn.Module) -> list[tuple[int, int, int, int]]:
    """in, out, kernel, stride of each."""
    return [
        (part.in_channels, part.out_channels, part.kernel_size[0], part.stride[0])
        for part in module.modules()
        if isinstance(part, nn.Conv2d)
    ]


def test_the_stem_is_three_3x3_of_which_the_first_has_the_stride() -> None:
    backbone = build("resnet50_d")
    assert convolutions(backbone.get_submodule("conv1")) == [(3, 32, 3, 2), (32, 32, 3, 1), (32, 64, 3, 1)]
    small = build("resnet50_d", small_input=True).get_submodule("conv1")
    assert [stride for *_, stride in convolutions(small)] == [1, 1, 1]


def test_no_1x1_has_a_stride() -> None:
    for name in ("resnet18_d", "resnet50_d"):
        with torch.device("meta"):
            found = convolutions(build(name))
        assert {kernel for _, _, kernel, stride in found if stride == 2} == {3}
        assert sum(stride == 2 for *_, stride in found) == 4


@pytest.mark.parametrize("size", [8, 9])
def test_the_shortcut_sees_all_of_its_input(size: int) -> None:
    """Every point of the input has a gradient; through ResNet's 1×1 of stride 2 a quarter of them has."""
    seen = {}
    for name in ("resnet50", "resnet50_d"):
        shortcut = build(name, width=8).eval().get_submodule("conv3.block1.shortcut")
        x = torch.randn(1, 32, size, size, requires_grad=True)
        y = shortcut(x)
        assert y.shape[2] == -(-size // 2)
        y.sum().backward()
        assert x.grad is not None
        seen[name] = int((x.grad.abs().sum(dim=1) > 0).sum())
    assert seen == {"resnet50": (-(-size // 2)) ** 2, "resnet50_d": size**2}


def test_a_stage_that_keeps_its_grid_averages_nothing() -> None:
    pool = build("resnet50_d").get_submodule("conv2.block1.shortcut.pool")
    assert isinstance(pool, nn.Identity)


def test_the_tweaks_change_the_parameters_of_the_stem_alone() -> None:
    with torch.device("meta"):
        plain, tweaked = build("resnet50"), build("resnet50_d")
    stems = [sum(p.numel() for p in backbone.get_submodule("conv1").parameters()) for backbone in (plain, tweaked)]
    assert parameters(tweaked, 1000) - parameters(plain, 1000) == stems[1] - stems[0]
