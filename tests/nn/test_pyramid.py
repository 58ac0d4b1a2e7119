import pytest
import torch
from torch import Tensor
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.pyramid import FPN, PAN

STAGES = (
    Stage("conv1", 4, 2),
    Stage("conv2", 6, 4),
    Stage("conv3", 8, 8),
    Stage("conv4", 10, 16),
    Stage("conv5", 12, 32),
)


def features(height: int, width: int, stages: tuple[Stage, ...] = STAGES) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {s.name: torch.randn(2, s.channels, -(-height // s.stride), -(-width // s.stride)) for s in stages}


@pytest.mark.parametrize("size", [(64, 96), (97, 33)])
def test_fpn_is_torchvisions(size: tuple[int, int]) -> None:
    ours = FPN(STAGES, 16, extra="pool")
    theirs = FeaturePyramidNetwork([6, 8, 10, 12], 16, LastLevelMaxPool())
    for block, conv in zip(theirs.inner_blocks, ours.lateral, strict=True):
        block[0].load_state_dict(conv.state_dict())  # pyrefly: ignore
    for block, conv in zip(theirs.layer_blocks, ours.output, strict=True):
        block[0].load_state_dict(conv.state_dict())  # pyrefly: ignore
    maps = features(*size)
    expected = theirs({stage.name: maps[stage.name] for stage in STAGES[1:]})
    found = ours(maps)
    assert list(found) == ["p2", "p3", "p4", "p5", "p6"]
    for a, b in zip(found.values(), expected.values(), strict=True):
        torch.testing.assert_close(a, b)


def test_extra_level_by_convolution_is_half_as_large() -> None:
    pyramid = FPN(STAGES, 16, strides=(8, 16, 32), extra="conv")
    assert [(stage.name, stage.stride) for stage in pyramid.stages][-1] == ("p6", 64)
    assert pyramid(features(160, 320))["p6"].shape == (2, 16, 3, 5)


def test_pan_by_hand() -> None:
    """Section 3.1 of the paper, step by step, on maps of odd sizes."""
    pan = PAN(STAGES, 16).eval()
    maps = features(104, 72)
    c3, c4, c5 = (lateral(maps[name]) for lateral, name in zip(pan.lateral, ("conv3", "conv4", "conv5"), strict=True))
    enlarged = torch.nn.functional.interpolate
    c4 = c4 + enlarged(c5, size=c4.shape[2:])
    c3 = c3 + enlarged(c4, size=c3.shape[2:])
    n3 = pan.output[0](c3)
    n4 = pan.fuse[0](pan.output[1](c4) + pan.down[0](n3))
    n5 = pan.fuse[1](pan.output[2](c5) + pan.down[1](n4))
    found = pan(maps)
    assert [tuple(x.shape) for x in found.values()] == [(2, 16, 13, 9), (2, 16, 7, 5), (2, 16, 4, 3)]
    for a, b in zip(found.values(), (n3, n4, n5), strict=True):
        torch.testing.assert_close(a, b)


def test_pan_knows_coarse_in_fine_and_fine_in_coarse() -> None:
    pan = PAN(STAGES, 16).eval()
    maps = {name: x.requires_grad_() for name, x in features(64, 64).items()}
    found = pan(maps)
    for level in found.values():
        gradients = torch.autograd.grad(level.sum(), [maps[f"conv{i}"] for i in (3, 4, 5)], retain_graph=True)
        assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_pan_takes_the_last_stage_of_a_stride() -> None:
    stages = (*STAGES[:4], Stage("conv5", 12, 16))
    assert PAN(stages, 16, (8, 16)).sources == ["conv3", "conv5"]


@pytest.mark.parametrize("last", range(1, 5))
def test_pan_makes_strides_that_no_stage_has(last: int) -> None:
    stages = STAGES[:last]
    found = PAN(stages, 16)(features(160, 96, stages))
    assert [tuple(x.shape[2:]) for x in found.values()] == [(20, 12), (10, 6), (5, 3)]


def test_errors() -> None:
    with pytest.raises(InputError, match=r"needs stages of the strides \[4, 8\]; the network has \[16, 32\]"):
        FPN(STAGES[3:], 16)
    with pytest.raises(InputError, match=r"begins at stride 8, but the network's first stage has 16. Begin at 16"):
        PAN(STAGES[3:], 16)
    for strides in ((8, 32), (), (6, 12)):
        with pytest.raises(InputError, match="expected powers of two, each twice the last one"):
            PAN(STAGES, 16, strides)
