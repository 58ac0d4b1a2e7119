"""Random weights through files of timm: the same logits to 1e-5, relative."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from plusx.weights.create import create_model

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]

QUICK = {"resnet18": "resnet18", "resnet18_v2": "resnetv2_18", "resnet50_v2": "resnetv2_50"}
SLOW = {
    **{name: name for name in ("resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d")},
    **{name: name for name in ("wide_resnet50_2", "wide_resnet101_2", "resnext101_32x8d", "resnext101_64x4d")},
    **{f"resnet{depth}_v2": f"resnetv2_{depth}" for depth in (34, 101, 152)},
}
CASES = [*QUICK.items(), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW.items())]


@pytest.mark.parametrize(("name", "theirs"), CASES)
def test_logits_agree(
    name: str, theirs: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    reference = randomise(timm.create_model(theirs))
    path = tmp_path / "model.safetensors"
    save_file(reference.state_dict(), path)
    with torch.inference_mode():
        found = create_model(name, weights=str(path)).eval()(images)
        assert distance(found, reference(images)) <= 1e-5


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_other_channels_are_adapted_as_timm_does(
    channels: int, tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    path = tmp_path / "model.safetensors"
    save_file(randomise(timm.create_model("resnet18")).state_dict(), path)
    reference = timm.create_model(
        "resnet18", pretrained=True, in_chans=channels, pretrained_cfg_overlay={"file": str(path)}
    ).eval()
    found = create_model("resnet18", weights=str(path), in_channels=channels).eval()
    images = torch.randn(1, channels, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert distance(found(images), reference(images)) <= 1e-5
