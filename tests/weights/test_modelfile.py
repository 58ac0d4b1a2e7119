"""The model file: every bit comes back, and a failed write leaves what was there."""

import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from plusx.backbones.create import build
from plusx.core.card import Card, Input
from plusx.core.errors import InputError, StorageError, WeightsError
from plusx.core.task import Task
from plusx.tasks import create as tasks
from plusx.weights.header import read_header
from plusx.weights.modelfile import load_model, save_model

CLASSES = ["Rose", "牡丹", "class with spaces"]
CARD = Card("flowers", "resnet20", build={"shortcut": "B"}, classes=tuple(CLASSES))


@pytest.fixture
def task(randomise: Callable[[nn.Module], nn.Module]) -> Task:
    task = tasks.create("classify", build("resnet20", shortcut="B"), {"classes": CLASSES, "label_smoothing": 0.1})
    randomise(task)
    return task


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 100 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def identical(found: nn.Module, expected: nn.Module) -> bool:
    theirs, ours = found.state_dict(), expected.state_dict()
    return list(theirs) == list(ours) and all(
        theirs[name].dtype == ours[name].dtype and torch.equal(theirs[name], ours[name]) for name in ours
    )


def test_every_bit_comes_back(task: Task, tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", task, CARD, {"run": [1, None, "ä"]})
    loaded = load_model(tmp_path / "m.safetensors")
    assert identical(loaded.task, task)
    assert (loaded.card, loaded.extra) == (CARD, {"run": [1, None, "ä"]})
    assert loaded.task.config() == task.config()
    assert not loaded.task.training
    assert loaded.task.state_dict()["backbone.conv1.norm.num_batches_tracked"] == 7


def test_header_is_read_without_the_tensors(task: Task, tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", task, CARD)
    header = read_header(tmp_path / "m.safetensors")
    assert (header.card, header.task, header.config) == (CARD, "classify", task.config())


def test_other_precisions_and_memory_formats(task: Task, tmp_path: Path) -> None:
    task = task.to(torch.bfloat16).to(memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]
    save_model(tmp_path / "m.safetensors", task, CARD)
    assert identical(load_model(tmp_path / "m.safetensors").task, task)


def test_grey_images_and_other_tasks(tmp_path: Path) -> None:
    grey = Input(size=(32, 32), resize=32, mean=(0.5,), std=(0.5,), order="L")
    settings = {"columns": ["age"], "mean": [40.0], "std": [9.0]}
    task = tasks.create("regress", build("resnet20", in_channels=1), settings)
    save_model(tmp_path / "m.safetensors", task, Card("ages", "resnet20", input=grey))
    loaded = load_model(tmp_path / "m.safetensors").task
    assert identical(loaded, task)
    assert loaded(torch.zeros(1, 1, 32, 32)).shape == (1, 1)


def test_loaded_model_does_not_hang_on_the_file(task: Task, tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", task, CARD)
    loaded = load_model(tmp_path / "m.safetensors")
    (tmp_path / "m.safetensors").write_bytes(b"")
    assert identical(loaded.task, task)


def test_card_of_another_network_is_noticed_before_writing(task: Task, tmp_path: Path) -> None:
    for wrong in (replace(CARD, architecture="resnet32"), replace(CARD, build={})):
        with pytest.raises(
            InputError, match=r"m\.safetensors was not written: its card says resnet.* but the model is another"
        ):
            save_model(tmp_path / "m.safetensors", task, wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("settings", [{"eps": 1e-3}, {"shortcut": "A-centred"}])
def test_difference_that_no_tensor_shows_is_noticed(settings: dict[str, Any], tmp_path: Path) -> None:
    task = tasks.create("classify", build("resnet20", **settings), {"classes": CLASSES})
    with pytest.raises(
        InputError, match=r"but the model is another:\nexpected .*(eps=1e-05|after=16).*, found .*(=0.001|=8)"
    ):
        save_model(tmp_path / "m.safetensors", task, Card("flowers", "resnet20"))
    save_model(tmp_path / "m.safetensors", task, Card("flowers", "resnet20", build=settings))


@pytest.mark.usefixtures("full_disk")
def test_full_disk_leaves_what_was_there(task: Task, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"the old model")
    with pytest.raises(StorageError, match=r"m\.safetensors could not be written: .*What was there before is untouch"):
        save_model(tmp_path / "m.safetensors", task, CARD)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("m.safetensors", b"the old model")]


def test_folder_that_is_not_there(task: Task, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/m\.safetensors could not be written: No such file or directory"):
        save_model(tmp_path / "nowhere" / "m.safetensors", task, CARD)


@pytest.mark.parametrize("keep", [0, 7, 100, 5_000, 1_000_000])
def test_cut_off_at_any_place(task: Task, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, task, CARD)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        WeightsError, match=r"m\.safetensors (is cut off|is no weights file: it is empty|is no weights)"
    ):
        load_model(path)


def test_tensors_of_another_network(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, task, CARD)
    metadata = _metadata(path)
    tensors = load_file(path)
    tensors["head.fc.bias"] = tensors["head.fc.bias"][:2]
    tensors["extra"] = tensors.pop("head.fc.weight")
    tensors["backbone.conv1.conv.weight"] = tensors["backbone.conv1.conv.weight"].long()
    save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match=r"tensors of .*m\.safetensors are not those of its header") as error:
        load_model(path)
    assert str(error.value).splitlines()[1:] == [
        "  missing in the file (1): head.fc.weight",
        "  unexpected in the file (1): extra",
        "  shape differs (1): head.fc.bias ((3,) expected, (2,) found)",
        "  dtype differs (1): backbone.conv1.conv.weight (torch.float32 expected, torch.int64 found)",
    ]


def test_architecture_of_a_later_version(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, task, CARD)
    metadata = {key: text.replace("resnet20", "resnet21") for key, text in _metadata(path).items()}
    save_file(load_file(path), path, metadata)
    with pytest.raises(WeightsError, match=r"cannot be rebuilt: Unknown model 'resnet21'\. Did you mean resnet"):
        load_model(path)


def test_other_tensors(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "m.safetensors")
    with pytest.raises(WeightsError, match=r"holds tensors but no plusx header, .* --model resnet50 --weights "):
        load_model(tmp_path / "m.safetensors")


def _metadata(path: Path) -> dict[str, str]:
    return read_header(path).to_metadata()
