"""Files for torchvision and timm: loaded strictly there, the same logits; refused where they would answer otherwise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import detection, segmentation

from plusx.backbones.create import build
from plusx.core.errors import InputError, StorageError, WeightsError
from plusx.tasks import create as tasks
from plusx.weights.counterparts import COUNTERPARTS, LayoutName
from plusx.weights.create import create_model
from plusx.weights.export_keys import save_as

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]
QUICK = ("resnet18", "resnet50", "resnet18_v2")


def cases(layout: LayoutName) -> list[Any]:
    pairs = COUNTERPARTS[layout].items()
    return [pytest.param(*pair, marks=[pytest.mark.slow] * (pair[0] not in QUICK)) for pair in pairs]


@pytest.mark.parametrize(("ours", "theirs"), cases("torchvision"))
def test_torchvision_loads_it(
    ours: str, theirs: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    task = create_model(ours, classes=5)
    randomise(task)
    assert save_as(tmp_path / "w.pth", task, "torchvision") == theirs
    model = torchvision.models.get_model(theirs, weights=None, num_classes=5).eval()
    model.load_state_dict(torch.load(tmp_path / "w.pth", weights_only=True), strict=True)
    with torch.inference_mode():
        assert distance(task(images), model(images)) <= 1e-5


@pytest.mark.parametrize(("ours", "theirs"), cases("timm"))
def test_timm_loads_it(
    ours: str, theirs: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    task = create_model(ours, classes=5)
    randomise(task)
    task.backbone.channels_last = ()  # timm's order of summing, as in `parity.timm_pair`
    assert save_as(tmp_path / "w.safetensors", task, "timm") == theirs
    model = timm.create_model(theirs, num_classes=5).eval()
    model.load_state_dict(load_file(tmp_path / "w.safetensors"), strict=True)
    with torch.inference_mode():
        assert distance(task(images), model(images)) <= 1e-5


def test_back_again(tmp_path: Path, randomise: Randomise) -> None:
    task = create_model("resnet18_v2", classes=5, in_channels=1)
    randomise(task)
    save_as(tmp_path / "w.pt", task, "timm")
    again = create_model("resnet18_v2", classes=5, in_channels=1, weights=str(tmp_path / "w.pt")).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in task.state_dict().items())


@pytest.mark.parametrize(
    ("name", "settings", "layout"),
    [
        ("resnet50_v1", {}, "torchvision"),  # the same names and shapes, strides elsewhere
        ("resnet18", {"eps": 1e-3}, "timm"),  # nor does this show in any name
        ("resnet50", {"bias": True}, "torchvision"),
        ("resnet50", {"output_stride": 8}, "torchvision"),
        ("resnet50_v2", {}, "torchvision"),
        ("resnet50_v2", {"stride_in": "last"}, "timm"),
        ("plain18", {}, "torchvision"),
        ("resnet20", {}, "timm"),
    ],
)
def test_what_would_answer_otherwise_is_refused(
    name: str, settings: dict[str, Any], layout: LayoutName, tmp_path: Path
) -> None:
    task = tasks.create("classify", build(name, **settings), {"classes": ["a", "b"]})
    with pytest.raises(WeightsError, match=rf"^{layout} has no network built like this one; .*output stride 32\. "):
        save_as(tmp_path / "w.pth", task, layout)
    assert not list(tmp_path.iterdir())


def test_momentum_may_differ_and_is_said(
    tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance, caplog: pytest.LogCaptureFixture
) -> None:
    task = create_model("mobilenet_v3_small", classes=5, padding="same", momentum=0.001)  # as Keras builds it
    randomise(task)
    assert save_as(tmp_path / "w.pth", task, "timm") == "tf_mobilenetv3_small_100"
    assert [record.getMessage() for record in caplog.records] == [
        "momentum of normalisation is 0.001 here, 0.1 in timm's tf_mobilenetv3_small_100: set it there before the "
        "network is trained further"
    ]
    model = timm.create_model("tf_mobilenetv3_small_100", num_classes=5).eval()
    model.load_state_dict(torch.load(tmp_path / "w.pth", weights_only=True), strict=True)
    with torch.inference_mode():
        assert distance(task(images), model(images)) <= 1e-5


def test_task_with_more_than_a_linear_head(tmp_path: Path) -> None:
    task = create_model("resnet18")
    task.head = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(InputError, match=r"head\.0\.weight of the task classify has no counterpart in torchvision"):
        save_as(tmp_path / "w.pth", task, "torchvision")


def test_unknown_layout(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Unknown layout 'keras'\. Did you mean"):
        save_as(tmp_path / "w.h5", create_model("resnet18"), "keras")  # pyrefly: ignore[bad-argument-type]


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_folder_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match=rf"nowhere/{name} could not be written: No such file or directory"):
        save_as(tmp_path / "nowhere" / name, create_model("resnet18"), "torchvision")


DENSE: dict[str, Callable[[], nn.Module]] = {
    "fasterrcnn_resnet50_fpn": lambda: detection.fasterrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=4
    ),
    "fasterrcnn_resnet50_fpn_v2": lambda: detection.fasterrcnn_resnet50_fpn_v2(
        weights=None, weights_backbone=None, num_classes=4
    ),
    "fasterrcnn_mobilenet_v3_large_fpn": lambda: detection.fasterrcnn_mobilenet_v3_large_fpn(
        weights=None, weights_backbone=None, num_classes=4
    ),
    "fcn_resnet50": lambda: segmentation.fcn_resnet50(
        weights=None, weights_backbone=None, num_classes=4, aux_loss=True
    ),
    "deeplabv3_resnet50": lambda: segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=4),
    "deeplabv3_mobilenet_v3_large": lambda: segmentation.deeplabv3_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=4
    ),
    "lraspp_mobilenet_v3_large": lambda: segmentation.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=4
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[pytest.mark.slow] * (name not in {"fcn_resnet50", "fasterrcnn_mobilenet_v3_large_fpn"})
        )
        for name in DENSE
    ],
)
def test_torchvision_gets_boxes_and_masks_back(name: str, tmp_path: Path, randomise: Randomise) -> None:
    """All names, all tensors, and nothing else."""
    theirs = randomise(DENSE[name]())
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    backbone = "mobilenet_v3_large" if "mobilenet" in name else "resnet50"
    task = create_model(backbone, task="detect" if "rcnn" in name else "segment", weights=tmp_path / "w.pth")
    assert save_as(tmp_path / "back.pth", task, "torchvision") == name
    back, expected = torch.load(tmp_path / "back.pth", weights_only=True), theirs.state_dict()
    assert back.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in back.items())


@pytest.mark.slow
def test_frozen_normalisation_without_epsilon_is_written_with_one(
    tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    """As of the published fasterrcnn_resnet50_fpn, read with its statistics alone."""
    theirs = randomise(DENSE["fasterrcnn_resnet50_fpn"]())
    uncounted = {key: tensor for key, tensor in theirs.state_dict().items() if "num_batches" not in key}
    torch.save(uncounted, tmp_path / "w.pth")
    task = create_model("resnet50", task="detect", weights=tmp_path / "w.pth").eval()
    assert save_as(tmp_path / "back.pth", task, "torchvision") == "fasterrcnn_resnet50_fpn"
    theirs.load_state_dict(torch.load(tmp_path / "back.pth", weights_only=True), strict=True)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        expected = theirs.get_submodule("backbone.body")(images)["3"]
        assert distance(task.backbone(images)["conv5"], expected) <= 1e-5


def test_a_detector_that_torchvision_has_not(tmp_path: Path) -> None:
    task = create_model("resnet18", task="detect", classes=2)
    with pytest.raises(WeightsError, match=r"has no network for boxes or masks built like this one; it has fasterrcnn"):
        save_as(tmp_path / "w.pth", task, "torchvision")
    with pytest.raises(WeightsError, match=r"^timm has no network for boxes or masks built like this one\. To use"):
        save_as(tmp_path / "w.pth", task, "timm")
