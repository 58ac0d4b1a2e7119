"""Predicting with exported files and with tasks: the same results, and no torch for the former."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from plusx.backbones.create import build
from plusx.core.card import Card, Input
from plusx.core.errors import InputError
from plusx.core.prediction import Box, BoxesPrediction, LabelPrediction, LabelsPrediction, Prediction, ValuePrediction
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.deploy.predictor import PIXELS, Predictor, batches, usable_threads
from plusx.deploy.torch_predictor import TorchPredictor
from plusx.tasks.create import create

Models = Callable[[str], Any]
Files = Callable[[str], Path]


@pytest.mark.parametrize("name", ["classify", "multilabel", "regress"])
def test_onnx_and_torch_predict_the_same(name: str, model: Models, exported: Files) -> None:
    tiny = model(name)
    images = [tiny.image(*size, seed) for seed, size in enumerate([(40, 60), (8, 8), (40, 60), (50, 40), (40, 60)])]
    names = [f"image {index}" for index in range(5)]
    found = OnnxPredictor(exported(name)).predict(images, names, batch_size=2)
    expected = TorchPredictor(tiny.task, tiny.card).predict(images, names)
    assert [one.name for one in found] == names
    for one, other in zip(found, expected, strict=True):
        match one, other:
            case LabelPrediction(), LabelPrediction():
                assert one.label == other.label
                assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
            case LabelsPrediction(), LabelsPrediction():
                assert one.labels == other.labels
                assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
            case ValuePrediction(), ValuePrediction():
                assert one.values == pytest.approx(other.values, rel=1e-4)
            case _:
                pytest.fail(f"{one} against {other}")


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.7])
def test_labels_are_shown_from_another_threshold_on(threshold: float, model: Models, exported: Files) -> None:
    tiny = model("multilabel")
    images = [tiny.image(40, 60, seed) for seed in range(9)]
    for usual in (OnnxPredictor(exported("multilabel")), TorchPredictor(tiny.task, tiny.card)):
        found = usual.with_threshold(threshold).predict(images, ["it"] * 9)
        assert usual.predict(images, ["it"] * 9) == usual.with_threshold(0.4).predict(images, ["it"] * 9)
        for one in found:
            assert isinstance(one, LabelsPrediction)
            assert one.labels == tuple(label for label, p in one.probabilities.items() if p >= threshold)


def test_boxes_are_shown_from_another_threshold_on() -> None:
    torch.manual_seed(0)
    task = create("detect", build("shufflenet_v2_x0_5"), {"classes": ["cell", "dust"], "least": 0.001})
    usual = TorchPredictor(task, Card("toy", "toy", input=Input((64, 64), 64, "pad"), classes=("cell", "dust")))
    image = np.random.default_rng(0).integers(0, 255, (50, 60, 3), dtype=np.uint8)

    def boxes(predictor: TorchPredictor) -> tuple[Box, ...]:
        (found,) = predictor.predict([image], ["it"])
        assert isinstance(found, BoxesPrediction)
        assert found.size == (50, 60)
        return found.boxes

    every = boxes(usual.with_threshold(0.001))
    middle = every[len(every) // 2].score
    assert boxes(usual.with_threshold(middle)) == tuple(box for box in every if box.score >= middle)
    assert boxes(usual) == () != every
    for wrong in (0.0005, 1.5):
        with pytest.raises(InputError, match=f"--threshold {wrong}: the model gives scores from 0.001 to 1"):
            usual.with_threshold(wrong)


def test_what_has_no_threshold_takes_none(model: Models) -> None:
    tiny = model("classify")
    with pytest.raises(InputError, match=r"--threshold is the score of boxes, .* the model's task is classify"):
        TorchPredictor(tiny.task, tiny.card).with_threshold(0.5)


def test_torch_keeps_the_mode_of_the_task(model: Models) -> None:
    tiny = model("classify")
    tiny.task.train()
    predictor = TorchPredictor(tiny.task, tiny.card)
    image = tiny.image(40, 60)
    assert predictor.predict([image], ["a"]) == predictor.predict([image], ["a"])
    assert all(module.training for module in tiny.task.modules())


def test_no_image_no_prediction(exported: Files) -> None:
    assert OnnxPredictor(exported("classify")).predict([], []) == []


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((5, 5), np.uint8), r"uint8 and shape \(5, 5\)"),
        (np.zeros((5, 5, 1), np.uint8), r"uint8 and shape \(5, 5, 1\)"),
        (np.zeros((0, 5, 3), np.uint8), r"uint8 and shape \(0, 5, 3\)"),
        (np.zeros((5, 5, 3), np.float32), r"float32 and shape \(5, 5, 3\)"),
    ],
)
def test_refuses_other_arrays(image: Any, found: str, exported: Files) -> None:
    with pytest.raises(InputError, match=rf"a\.png: found an array of {found}; the model takes uint8 of shape"):
        OnnxPredictor(exported("classify")).predict([image], ["a.png"])


def test_mode_is_that_of_the_card(exported: Files) -> None:
    assert OnnxPredictor(exported("classify")).mode == "RGB"
    assert OnnxPredictor(exported("regress")).mode == "L"


@pytest.mark.skipif(sys.platform == "win32", reason="names of files are text there")
def test_a_path_is_found_in_a_locale_that_lacks_its_letters(exported: Files, tmp_path: Path) -> None:
    path = tmp_path / "模型.onnx"
    path.write_bytes(exported("classify").read_bytes())
    code = (
        "import sys; from plusx.deploy.onnx_predictor import OnnxPredictor; print(OnnxPredictor(sys.argv[1]).task_name)"
    )
    variables = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, env=variables)
    assert (done.stdout, done.returncode) == ("classify\n", 0), done.stderr


class TestBadFiles:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"There is no file .*model\.onnx\. Give the path of an exported model"):
            OnnxPredictor(tmp_path / "model.onnx")

    @pytest.mark.parametrize("content", [b"", b"no onnx at all"])
    def test_damaged(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"model\.onnx is damaged or no ONNX file: .* Export the model again"):
            OnnxPredictor(path)

    def test_cut_off(self, tmp_path: Path, exported: Files) -> None:
        path = tmp_path / "model.onnx"
        content = exported("classify").read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match="is damaged or no ONNX file"):
            OnnxPredictor(path)

    def test_of_others(self, tmp_path: Path) -> None:
        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
        other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [other])
        onnx.save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "a.onnx"
        )
        with pytest.raises(
            InputError, match=r"a\.onnx was not exported by plusx: it lacks plusx\.version, plusx\.card"
        ):
            OnnxPredictor(tmp_path / "a.onnx")

    def test_damaged_metadata(self, tmp_path: Path, exported: Files) -> None:
        content = onnx.load(exported("classify"))
        for entry in content.metadata_props:
            if entry.key == "plusx.task":
                entry.value = '{"name": '
        onnx.save(content, tmp_path / "a.onnx")
        with pytest.raises(InputError, match=r"The metadata of .*a\.onnx are damaged \(JSONDecodeError"):
            OnnxPredictor(tmp_path / "a.onnx")

    def test_unknown_task(self, tmp_path: Path, exported: Files) -> None:
        content = onnx.load(exported("classify"))
        for entry in content.metadata_props:
            if entry.key == "plusx.task":
                entry.value = '{"name": "clasify", "config": {}}'
        onnx.save(content, tmp_path / "a.onnx")
        with pytest.raises(InputError, match=r"Unknown task of an exported model 'clasify'\. Did you mean classify"):
            OnnxPredictor(tmp_path / "a.onnx")


class TestBatches:
    def test_hold_equal_shapes_in_order(self) -> None:
        shapes = [(2, 2, 3), (3, 2, 3), (2, 2, 3), (2, 2, 3), (3, 2, 3)]
        assert batches(shapes, 2) == [[0, 2], [1, 4], [3]]
        assert batches([], 2) == []

    def test_hold_few_large_images(self) -> None:
        assert batches([(2**12, 2**11, 3)] * 5, 32) == [[0, 1], [2, 3], [4]]
        assert batches([(PIXELS, 2, 3)] * 2, 32) == [[0], [1]]

    @pytest.mark.parametrize(("task", "most"), [("segment", 2), ("multilabel-segment", 2), ("classify", 12)])
    def test_hold_fewer_images_of_masks_the_more_classes_there_are(self, task: str, most: int) -> None:
        """100 classes of 12 images of 512 x 512 pixels were 1.3 GB."""
        predictor = Counting(task, [str(index) for index in range(100)])
        predictor.predict([np.zeros((512, 512, 3), np.uint8)] * 12, ["a"] * 12)
        assert max(predictor.counts) == most


class Counting(Predictor):
    """Notes how many images it gets at once."""

    def __init__(self, task: str, classes: list[str]) -> None:
        self.card, self.task_name, self.config = Card("toy", "toy"), task, {"classes": classes}
        self.counts: list[int] = []

    def predict_batch(self, images: NDArray[np.uint8], names: Sequence[str]) -> list[Prediction]:
        self.counts.append(len(images))
        return [Prediction(name) for name in names]


def test_threads_are_those_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert usable_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert usable_threads() >= 1


def test_torch_is_never_loaded(exported: Files) -> None:
    code = (
        "import sys, numpy\n"
        "from plusx.deploy.onnx_predictor import OnnxPredictor\n"
        f"predictor = OnnxPredictor({str(exported('classify'))!r})\n"
        "print(predictor.predict([numpy.zeros((9, 9, 3), numpy.uint8)], ['a'])[0].name)"
    )
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "a\n"
    loaded = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert {"onnxruntime", "numpy", "plusx"} <= loaded
    assert not loaded & {"torch", "torchvision", "onnx", "pandas", "rich"}
