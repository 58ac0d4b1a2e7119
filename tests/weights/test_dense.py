"""Heads of files for boxes and masks: kept whole, but for their last layers, or not at all, and what is said of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from plusx.backbones.create import build
from plusx.core.card import Card
from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.tasks import create as tasks
from plusx.weights.create import check_model, create_model, create_task
from plusx.weights.modelfile import save_model

Randomise = Callable[[nn.Module], nn.Module]
CELLS = ["red", "white"]
HEADS: tuple[tuple[str, dict[str, Any], set[str]], ...] = (
    ("detect", {"head": "yolo", "threshold": 0.5}, {"scores"}),
    ("detect", {"head": "ssd"}, {"head.module_list"}),
    ("detect", {"head": "faster-rcnn"}, {"box_predictor"}),
    ("detect", {"head": "rt-detr"}, {"decoder.scores", "labels", "selection.score"}),
    ("segment", {"head": "unet", "class_weights": [1.0, 2.0]}, {"main.score"}),
    ("segment", {"head": "deeplabv3", "auxiliary": True}, {"main.score", "auxiliary.score"}),
    ("multilabel-segment", {"head": "unet-paper", "threshold": 0.4}, {"main.score"}),
    ("segment", {"head": "lraspp"}, {"main.score", "main.score_low"}),
)


def run(folder: Path, task: str, config: dict[str, Any], randomise: Randomise) -> tuple[Path, Task]:
    """A model file as training leaves it."""
    stride = tasks.output_stride(task, config["head"])
    build_as = {} if stride == 32 else {"output_stride": stride}
    made = tasks.create(task, build("resnet18", **build_as), {"classes": CELLS, **config})
    randomise(made)
    save_model(folder / "model.safetensors", made, Card("cells", "resnet18", build=build_as, classes=tuple(CELLS)))
    return folder / "model.safetensors", made


def tensors_that_differ(ours: Task, theirs: Task) -> set[str]:
    before = theirs.state_dict()
    return {
        key
        for key, tensor in ours.state_dict().items()
        if tensor.shape != before[key].shape or not torch.equal(tensor, before[key])
    }


@pytest.mark.parametrize("before", [False, True])
def test_an_auxiliary_head_comes_or_goes(
    before: bool, tmp_path: Path, randomise: Randomise, caplog: pytest.LogCaptureFixture
) -> None:
    path, first = run(tmp_path, "segment", {"head": "fcn", "auxiliary": before}, randomise)
    task = create_task("resnet18", "segment", {"classes": CELLS, "auxiliary": not before}, weights=path)
    assert ("new untrained auxiliary head; the weights have none" in caplog.text) == (not before)
    theirs = first.state_dict()
    kept = {key: tensor for key, tensor in task.state_dict().items() if "auxiliary" not in key}
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in kept.items())


@pytest.mark.parametrize(("task", "config", "last"), HEADS, ids=[config["head"] for _, config, _ in HEADS])
def test_a_run_goes_on(
    task: str,
    config: dict[str, Any],
    last: set[str],
    tmp_path: Path,
    randomise: Randomise,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path, before = run(tmp_path, task, config, randomise)
    check_model("resnet18", path)
    same = create_model("resnet18", task=task, weights=path)
    assert tensors_that_differ(same, before) == set()
    assert same.config() == before.config() | ({"class_weights": None} if task != "detect" else {})
    assert str(same.backbone) == str(before.backbone)
    assert caplog.text == ""
    other = create_model("resnet18", task=task, weights=path, classes=["a", "b", "c"])
    new = tensors_that_differ(other, before)
    assert new
    assert all(any(name.startswith("head.") and part in name for part in last) for name in new)
    assert "with new untrained last layers for 3 classes; they have 2 of their own" in caplog.text
    renamed = create_task("resnet18", task, {"classes": ["a", "b"]}, weights=path)
    assert {name.rpartition(".")[0] for name in tensors_that_differ(renamed, before)} <= {
        name.rpartition(".")[0] for name in new
    }
    assert renamed.config()["head"] == config["head"]


@pytest.mark.parametrize("task", ["detect", "segment", "multilabel-segment"])
def test_classes_that_nobody_knows_are_asked_for(task: str) -> None:
    with pytest.raises(InputError, match=r"How many classes the task .* has is not known.* Give classes="):
        create_model("resnet18", task=task)
