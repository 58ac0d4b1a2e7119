"""A file of the wrong depth or width is recognised as what it is, by names and shapes."""

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import Tensor

from plusx.backbones.catalogue import architecture, architectures
from plusx.backbones.count import head_parameters
from plusx.backbones.create import build
from plusx.core.errors import WeightsError
from plusx.weights.create import create_backbone, create_model
from plusx.weights.fitting import candidates, either, fitting
from plusx.weights.local import Loaded, load
from plusx.weights.reading import Checkpoint
from plusx.weights.sources.plusx import LAYOUT


def written(tensors: dict[str, Tensor], directory: Path) -> Path:
    path = directory / "file.pth"
    torch.save(tensors, path)
    return path


@pytest.mark.parametrize(
    ("file", "asked", "fits"),
    [
        ("resnet34", "resnet18", "resnet34"),
        ("resnet50", "resnet18", "resnet50 or resnet50_v1"),  # the same tensors, strides elsewhere
        ("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x0_5"),
        pytest.param("densenet169", "densenet121", "densenet169", marks=pytest.mark.slow),
        pytest.param("resnext50_32x4d", "resnet50", "resnext50_32x4d", marks=pytest.mark.slow),
        pytest.param("wide_resnet50_2", "resnet50", "wide_resnet50_2", marks=pytest.mark.slow),
    ],
)
def test_files_of_torchvision(file: str, asked: str, fits: str, tmp_path: Path) -> None:
    path = written(torchvision.models.get_model(file, weights=None, num_classes=3).state_dict(), tmp_path)
    with pytest.raises(WeightsError) as error:
        create_model(asked, classes=3, weights=path)
    opening, *lists, advice = str(error.value).splitlines()
    assert opening == f"{path} does not fit {asked}; nothing was loaded."
    assert lists
    which = "one of them" if " or " in fits else "that"
    assert advice == f"Its tensors are those of {fits}. Name {which} instead of {asked}, or take another file."


@pytest.mark.parametrize(
    ("file", "asked", "fits"),
    [
        ("mobilenetv2_050", "mobilenet_v2", "mobilenet_v2_050"),
        ("mobilenetv3_small_075", "mobilenet_v3_small", "mobilenet_v3_small_075"),
        ("resnetv2_18", "resnet34_v2", "resnet18_v2"),
    ],
)
def test_files_of_timm(file: str, asked: str, fits: str, tmp_path: Path) -> None:
    path = written(timm.create_model(file, num_classes=0).state_dict(), tmp_path)
    with pytest.raises(WeightsError, match=rf"Its tensors are those of {fits}\. Name that instead of {asked}, or"):
        create_backbone(asked, weights=path)


def test_a_first_convolution_for_small_images(tmp_path: Path) -> None:
    tensors = torchvision.models.resnet18(weights=None).state_dict()
    path = written(tensors | {"conv1.weight": torch.zeros(64, 3, 3, 3)}, tmp_path)
    with pytest.raises(
        WeightsError, match=r"Its tensors are those of resnet18 with small_input=True\. Name that instead"
    ):
        create_backbone("resnet18", weights=path)
    create_backbone("resnet18", weights=path, small_input=True)
    path = written(tensors, tmp_path)
    with pytest.raises(
        WeightsError, match=r"are those of resnet18\. Name that instead of resnet18 with small_input=True"
    ):
        create_backbone("resnet18", weights=path, small_input=True)


def test_tensors_that_no_architecture_has(tmp_path: Path) -> None:
    path = written(torchvision.models.resnet18(weights=None).state_dict() | {"odd": torch.zeros(1)}, tmp_path)
    with pytest.raises(WeightsError, match=r"\nThey are those of no other architecture of plusx\. Take another file\."):
        create_backbone("resnet34", weights=path)


def test_other_channels_and_precisions_do_not_hide_what_a_file_is(tmp_path: Path) -> None:
    tensors = timm.create_model("resnet18", in_chans=12).double().state_dict()
    assert fitting(load(written(tensors, tmp_path))) == ["resnet18"]


QUICK = ("mobilenet_v1_025", "shufflenet_v1_g8_025", "mobilenet_v3_small_050", "resnet20")


@pytest.mark.parametrize("outputs", [None, 1000])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in architectures()]
)
def test_no_architecture_is_left_out_for_its_size(name: str, outputs: int | None) -> None:
    with torch.device("meta"):
        backbone = build(name, in_channels=4)
        tensors = {f"backbone.{key}": tensor for key, tensor in backbone.state_dict().items()}
        tensors |= {"head.all": torch.empty(head_parameters(backbone, outputs))} if outputs else {}
    loaded = Loaded(Checkpoint(Path("file"), tensors), LAYOUT, outputs)
    assert architecture(name) in list(candidates(loaded))


def test_words() -> None:
    assert [either(found) for found in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a or b", "a, b or c"]
