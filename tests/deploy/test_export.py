"""Exported files against the model they come from, in the runtimes they are made for."""

import builtins
import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from plusx.backbones.create import build
from plusx.core.card import Card
from plusx.core.errors import InputError, MissingExtraError, StorageError
from plusx.deploy.export import export
from plusx.deploy.graph import deployed_copy
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.deploy.runtimes import Runner, open_runner
from plusx.tasks.create import create

SIZES = [(40, 60), (60, 40), (48, 48), (8, 8), (1, 1), (3, 200), (301, 257)]
TASKS = ["classify", "multilabel", "regress"]
Models = Callable[[str], Any]
Files = Callable[[str], Path]


def assert_agrees(run: Runner, model: Any) -> None:
    """For single images and batches of every size, in turn."""
    reference = deployed_copy(model.task, model.card.input)
    for size in SIZES:
        for count in (1, 3):
            images = np.stack([model.image(*size, seed) for seed in range(count)])
            expected = reference(torch.from_numpy(images)).numpy()
            found = run(images)
            assert found.dtype == (np.float64 if model.task.name == "regress" else np.float32)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TASKS)
class TestOnnx:
    def test_agrees_in_onnx_runtime(self, name: str, model: Models, exported: Files) -> None:
        assert_agrees(open_runner(exported(name), "onnx"), model(name))

    def test_agrees_in_openvino(self, name: str, model: Models, exported: Files) -> None:
        pytest.importorskip("openvino")
        assert_agrees(open_runner(exported(name), "openvino"), model(name))

    def test_says_everything_about_itself(self, name: str, model: Models, exported: Files) -> None:
        task, card = model(name).task, model(name).card
        file = onnx.load(exported(name))
        onnx.checker.check_model(file, full_check=True)
        metadata = OnnxPredictor(exported(name)).metadata
        assert metadata.card == card
        assert (metadata.task, metadata.config) == (task.name, json.loads(json.dumps(task.config())))
        texts = {entry.key: entry.value for entry in file.metadata_props}
        assert json.loads(texts["plusx.classes"]) == [*metadata.names]
        axes = [axis.dim_param or axis.dim_value for axis in file.graph.input[0].type.tensor_type.shape.dim]
        assert (file.graph.input[0].name, axes) == ("images", ["batch", "height", "width", card.input.channels])
        output = file.graph.output[0]
        columns = [axis.dim_param or axis.dim_value for axis in output.type.tensor_type.shape.dim]
        assert (output.name, columns) == (metadata.output, ["batch", len(metadata.names)])

    def test_names_no_file_of_this_machine(self, name: str, exported: Files) -> None:
        content = exported(name).read_bytes()
        assert b".py" not in content
        assert str(Path.home()).encode() + b"/" not in content


@pytest.mark.parametrize(("to", "suffix"), [("torch", ".pt2"), ("openvino", ".xml")])
def test_other_formats_agree(to: Any, suffix: str, tmp_path: Path, model: Models) -> None:
    if to == "openvino":
        pytest.importorskip("openvino")
    tiny = model("classify")
    path = tmp_path / f"model{suffix}"
    export(tiny.task, tiny.card, path, to=to)
    assert_agrees(open_runner(path, to), tiny)
    assert {file.name for file in tmp_path.iterdir()} == {path.name} | ({"model.bin"} if to == "openvino" else set())
    if to == "torch":
        texts = {"plusx.card": ""}
        torch.export.load(path, extra_files=texts)
        assert Card.from_json(json.loads(texts["plusx.card"])) == tiny.card
    else:
        openvino = pytest.importorskip("openvino")
        card = openvino.Core().read_model(path).get_rt_info(["plusx", "card"]).astype(str)
        assert Card.from_json(json.loads(card)) == tiny.card


def test_leaves_the_task_as_it_is(tmp_path: Path, model: Models) -> None:
    tiny = model("classify")
    tiny.task.train().to(torch.float64)
    export(tiny.task, tiny.card, tmp_path / "model.pt2", to="torch")
    assert all(module.training for module in tiny.task.modules())
    assert all(parameter.dtype == torch.float64 and parameter.requires_grad for parameter in tiny.task.parameters())


def test_suffix_must_fit(tmp_path: Path, model: Models) -> None:
    tiny = model("classify")
    with pytest.raises(InputError, match=r"model\.pb ends in '\.pb'; a file for onnx must end in '\.onnx'"):
        export(tiny.task, tiny.card, tmp_path / "model.pb")


def test_unknown_format(tmp_path: Path, model: Models) -> None:
    tiny = model("classify")
    unknown: Any = "onx"
    with pytest.raises(InputError, match=r"Unknown export format 'onx'\. Did you mean onnx"):
        export(tiny.task, tiny.card, tmp_path / "model.onnx", to=unknown)


def test_disk_full_leaves_the_old_file(tmp_path: Path, model: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = model("regress")
    path = tmp_path / "model.pt2"
    path.write_bytes(b"old")

    def full(self: Path, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match=r"model\.pt2 could not be written: No space left on device"):
        export(tiny.task, tiny.card, path, to="torch")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt2"]


def test_openvino_missing(tmp_path: Path, model: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "openvino":
            raise ImportError(name)
        return original(name, *rest, **options)

    tiny = model("regress")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"needs openvino.*pip install 'plusx\[openvino\]'"):
        export(tiny.task, tiny.card, tmp_path / "model.xml", to="openvino")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        *((name, {}) for name in ("resnet18", "resnet50", "resnext50_32x4d", "resnet50_v2", "resnet20")),
        ("resnet18", {"blur_pool": True}),
    ],
)
def test_real_networks_agree(architecture: str, settings: dict[str, Any], tmp_path: Path, model: Models) -> None:
    classes = [f"class {index}" for index in range(10)]
    torch.manual_seed(0)
    task = create("classify", build(architecture, **settings), {"classes": classes})
    card = Card(architecture, architecture, settings, classes=tuple(classes))
    path = tmp_path / "model.onnx"
    export(task, card, path)
    reference = deployed_copy(task, card.input)
    run = open_runner(path, "onnx")
    for size in [(300, 400), (64, 64)]:
        images = np.stack([model("classify").image(*size, seed) for seed in range(2)])
        np.testing.assert_allclose(run(images), reference(torch.from_numpy(images)).numpy(), atol=1e-5)
