"""Maps of every stage beside timm's and torchvision's, at output strides 32, 16 and 8: the same to 1e-5, relative."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from plusx.core.backbone import Backbone
from plusx.weights.create import create_backbone

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]

ODD = torch.randn(2, 3, 225, 193, generator=torch.Generator().manual_seed(3))

TIMM = {  # ours: theirs, how many of its maps are those of our stages, from the first on; for which output strides
    "resnet18": ("resnet18", 5, (32, 16, 8)),
    "resnet50": ("resnet50", 5, (32, 16, 8)),
    "resnext50_32x4d": ("resnext50_32x4d", 5, (32, 16, 8)),
    "resnet18_v2": ("resnetv2_18", 4, (32, 16, 8)),  # the last one of ours is normalised
    "resnet50_v2": ("resnetv2_50", 4, (32, 16, 8)),
    "se_resnet50": ("seresnet50", 5, (32, 16, 8)),
    "resnet18_d": ("resnet18d", 5, (32,)),
    "densenet121": ("densenet121", 5, (32,)),
    "mobilenet_v1": ("mobilenetv1_100", 5, (32, 16, 8)),
    "mobilenet_v2_035": ("mobilenetv2_035", 4, (32, 16, 8)),  # the last one of ours is behind the last convolution
    "mobilenet_v3_large_075": ("mobilenetv3_large_075", 5, (32,)),
    "mobilenet_v3_small_050": ("mobilenetv3_small_050", 5, (32,)),
}
QUICK = ("resnet18", "resnet18_v2", "mobilenet_v2_035", "mobilenet_v3_small_050")


def cases() -> list[Any]:
    return [
        pytest.param(ours, theirs, maps, stride, marks=[pytest.mark.slow] * (ours not in QUICK))
        for ours, (theirs, maps, strides) in TIMM.items()
        for stride in strides
    ]


def backbone(ours: str, reference: nn.Module, folder: Path, output_stride: int) -> Backbone:
    """With the reference's weights."""
    save_file(reference.state_dict(), folder / "model.safetensors")
    return create_backbone(ours, weights=str(folder / "model.safetensors"), output_stride=output_stride).eval()


@pytest.mark.parametrize(("ours", "theirs", "maps", "output_stride"), cases())
def test_maps_are_timms(
    ours: str, theirs: str, maps: int, output_stride: int, tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    settings: dict[str, Any] = {} if output_stride == 32 else {"output_stride": output_stride}
    reference = randomise(timm.create_model(theirs, **settings))
    with torch.inference_mode():
        found = backbone(ours, reference, tmp_path, output_stride)(ODD)
        expected = reference.forward_intermediates(ODD, intermediates_only=True)  # pyrefly: ignore[not-callable]
        last = reference.forward_features(ODD)  # pyrefly: ignore[not-callable]
    for stage, other in list(zip(found, expected, strict=True))[:maps]:
        assert distance(found[stage], other) <= 1e-5, stage
    if maps == 4:
        assert distance(next(reversed(found.values())), last) <= 1e-5


@pytest.mark.parametrize("output_stride", [16, 8])
@pytest.mark.parametrize("name", ["resnet50", pytest.param("resnext50_32x4d", marks=pytest.mark.slow)])
def test_dilation_is_that_of_torchvision(
    name: str, output_stride: int, tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    dilated = [False, output_stride == 8, True]
    reference = randomise(torchvision.models.get_model(name, weights=None, replace_stride_with_dilation=dilated))
    reference.fc, reference.avgpool = nn.Identity(), nn.Identity()
    with torch.inference_mode():
        found = backbone(name, reference, tmp_path, output_stride)(ODD)["conv5"]
        assert distance(found.flatten(1), reference(ODD)) <= 1e-5


@pytest.mark.parametrize("output_stride", [16, 8])
def test_resnet_d_keeps_the_coarse_grid_where_timm_does_not(
    output_stride: int, tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    """docs/decisions/families.md: timm takes means of neighbours, with zeros beyond the lower and right edge."""
    usual, dilated = timm.create_model("resnet18d"), timm.create_model("resnet18d", output_stride=output_stride).eval()
    dilated.load_state_dict(randomise(usual).state_dict())
    step, ours = 32 // output_stride, backbone("resnet18_d", usual, tmp_path, output_stride)
    with torch.inference_mode():
        coarse = usual.forward_features(ODD)  # pyrefly: ignore[not-callable]
        found, theirs = ours(ODD)["conv5"], dilated.forward_features(ODD)  # pyrefly: ignore[not-callable]
        assert distance(found[:, :, ::step, ::step], coarse) <= 1e-5
        assert distance(theirs[:, :, ::step, ::step], coarse) > 0.1
        first = 5 if output_stride == 16 else 4  # of the stages that keep their grid
        x = ours(ODD)[f"conv{first - 1}"]
        mine = ours.get_submodule(f"conv{first}.block1.shortcut")(x)
        other = dilated.get_submodule(f"layer{first - 1}.0.downsample")(x)
    assert distance(mine[:, :, :-1, :-1], other[:, :, :-1, :-1]) <= 1e-5
    assert distance(mine[:, :, -1], other[:, :, -1]) > 0.1


@pytest.mark.parametrize(
    "make",
    [
        *(lambda: timm.create_model("resnet18"), lambda: timm.create_model("xception41")),
        *(lambda: torchvision.models.mobilenet_v2(), lambda: torchvision.models.mobilenet_v3_large()),
        *(lambda: torchvision.models.mobilenet_v3_small(), lambda: torchvision.models.shufflenet_v2_x0_5()),
    ],
)
def test_images_decide_what_random_networks_answer(
    make: Callable[[], nn.Module], randomise: Randomise, distance: Distance
) -> None:
    """Else all that is compared beside other libraries are biases."""
    with torch.inference_mode():
        one, other = randomise(make())(ODD)
    assert distance(one, other) > 1e-3
