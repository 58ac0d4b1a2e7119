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
