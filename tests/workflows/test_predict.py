"""The verb predict, with a tiny classifier in both runtimes."""

import csv
import io
import json
import logging
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from plusx.backbones.create import build
from plusx.core.card import Card, Input
from plusx.core.errors import InputError, StorageError
from plusx.core.prediction import LabelPrediction, LabelsPrediction, Prediction, ValuePrediction
from plusx.deploy.export import export
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.deploy.openvino_predictor import OpenVinoPredictor
from plusx.deploy.predictor import Predictor
from plusx.deploy.torch_predictor import TorchPredictor
from plusx.tasks.create import create
from plusx.weights.modelfile import save_model
from plusx.workflows.predict import open_predictor, predict, predict_to_text
from plusx.workflows.prediction_text import csv_lines, json_lines, table_lines
from plusx.workflows.settings import Runtime
from plusx.workflows.sources import Unreadable

CLASSES = ("rose", "tulip", "daisy", "玫瑰")


class Brightness(Predictor):
    """Says how bright an image is, and keeps what it was asked."""

    task_name = "regress"

    def __init__(self) -> None:
        self.card = Card("brightness", "none")
        self.batches: list[tuple[int, ...]] = []

    def predict_batch(self, images: NDArray[np.uint8], names: Sequence[str]) -> list[Prediction]:
        self.batches.append(images.shape)
        return [ValuePrediction.of(name, ["mean"], [image.mean()]) for name, image in zip(names, images, strict=True)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with the model in both forms."""
    directory = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    task = create("classify", build("resnet20"), {"classes": list(CLASSES)})
    card = Card("resnet20", "resnet20", input=Input((32, 32), 32), classes=CLASSES)
    save_model(directory / "model.safetensors", task, card)
    export(task, card, directory / "model.onnx")
    return directory


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.png to 6.png of two sizes; 3.png is cut off."""
    directory = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(7):
        noise = rng.integers(0, 256, ((40, 50, 3), (50, 40, 3))[number % 2], np.uint8)
        Image.fromarray(noise).save(directory / f"{number}.png")
    content = (directory / "3.png").read_bytes()
    (directory / "3.png").write_bytes(content[: len(content) // 2])
    return directory


class TestPredict:
    def test_gives_results_in_order_and_names_what_it_cannot_read(self, run: Path, photos: Path) -> None:
        results = list(predict(run, photos, batch_size=2))
        assert [Path(one.name).name for one in results] == [f"{number}.png" for number in range(7)]
        assert [isinstance(one, Unreadable) for one in results] == [number == 3 for number in range(7)]
        assert isinstance(results[3], Unreadable)
        assert "cut off" in results[3].reason
        for one in results:
            if isinstance(one, LabelPrediction):
                assert next(iter(one.probabilities)) == one.label
                assert sum(one.probabilities.values()) == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize("batch_size", [1, 3, 100])
    @pytest.mark.parametrize("workers", [0, 2])
    def test_depends_on_neither_batch_nor_threads(self, batch_size: int, workers: int, photos: Path) -> None:
        model = Brightness()
        results = list(predict(model, photos, batch_size=batch_size, workers=workers))
        expected = [np.asarray(Image.open(photos / f"{n}.png")).mean() for n in range(7) if n != 3]
        assert [one.values["mean"] for one in results if isinstance(one, ValuePrediction)] == expected
        assert max(shape[0] for shape in model.batches) <= batch_size

    def test_both_runtimes_agree(self, run: Path, photos: Path) -> None:
        found = predict(run, photos, runtime="onnx")
        expected = predict(run, photos, runtime="torch")
        for one, other in zip(found, expected, strict=True):
            assert one.name == other.name
            if isinstance(one, LabelPrediction):
                assert isinstance(other, LabelPrediction)
                assert one.label == other.label
                assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)

    def test_keeps_the_top_classes_only(self, run: Path, photos: Path) -> None:
        (one,) = predict(run, photos / "0.png", top=2)
        assert isinstance(one, LabelPrediction)
        assert len(one.probabilities) == 2
        assert one.probabilities[one.label] == one.probability

    def test_arrays_and_files_give_the_same(self, run: Path, photos: Path) -> None:
        pixels = np.asarray(Image.open(photos / "1.png"))
        found = list(predict(run, [photos / "1.png", pixels, Image.fromarray(pixels)]))
        assert all(isinstance(one, LabelPrediction) for one in found)
        assert len({one.probability for one in found if isinstance(one, LabelPrediction)}) == 1

    def test_no_images_no_results(self, run: Path) -> None:
        assert list(predict(run, [])) == []

    def test_a_wrong_path_is_said_at_once(self, run: Path) -> None:
        with pytest.raises(InputError, match=r"rose\.jpg: there is no such file or folder"):
            predict(run, "rose.jpg")

    def test_a_wrong_number_is_said_at_once(self, run: Path, photos: Path) -> None:
        with pytest.raises(InputError, match="batch_size"):
            predict(run, photos, batch_size=0)

    def test_memory_does_not_grow_with_the_number_of_images(self) -> None:
        def images() -> Iterator[NDArray[np.uint8]]:
            for number in range(2_000):
                yield np.full((100, 100, 3), number % 256, np.uint8)

        tracemalloc.start()
        count = sum(1 for _ in predict(Brightness(), images(), batch_size=16))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 2_000
        assert peak < 16_000_000  # all images together: 60 MB

    def test_stopping_early_ends_the_threads(self, photos: Path) -> None:
        results = predict(Brightness(), [photos] * 50, batch_size=2)
        next(results)
        begun = time.monotonic()
        results.close()  # type: ignore[attr-defined]
        assert time.monotonic() - begun < 5


class TestOpenPredictor:
    def test_takes_the_exported_file_of_a_run(self, run: Path) -> None:
        assert isinstance(open_predictor(run), OnnxPredictor)
        assert isinstance(open_predictor(str(run / "model.onnx")), OnnxPredictor)

    def test_runs_the_exported_file_elsewhere(self, run: Path) -> None:
        pytest.importorskip("openvino")
        found = open_predictor(run, runtime="openvino")
        assert isinstance(found, OpenVinoPredictor)
        with pytest.raises(
            InputError, match=r"model\.safetensors cannot be run with runtime 'openvino', which takes a"
        ):
            open_predictor(run / "model.safetensors", runtime="openvino")

    def test_takes_the_model_file_where_asked_or_alone(self, run: Path, tmp_path: Path) -> None:
        assert isinstance(open_predictor(run, runtime="torch"), TorchPredictor)
        (tmp_path / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes())
        assert isinstance(open_predictor(tmp_path), TorchPredictor)
        assert isinstance(open_predictor(tmp_path / "model.safetensors"), TorchPredictor)

    def test_takes_what_is_loaded(self) -> None:
        model = Brightness()
        assert open_predictor(model) is model
        task = create("classify", build("resnet20"), {"classes": list(CLASSES)})
        assert isinstance(open_predictor((task, Card("a", "resnet20"))), TorchPredictor)

    def test_missing_model(self) -> None:
        with pytest.raises(InputError, match=r"There is no model runs/rose\. Give a run directory, its model\.onnx"):
            open_predictor("runs/rose")

    @pytest.mark.parametrize("runtime", ["auto", "onnx", "torch"])
    def test_no_run(self, runtime: Runtime, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"is not a run directory: it has neither settings\.json nor model\.safet"):
            open_predictor(tmp_path, runtime=runtime)

    @pytest.mark.parametrize("runtime", ["auto", "onnx", "torch"])
    def test_a_run_that_was_stopped_has_no_model_yet(self, runtime: Runtime, tmp_path: Path) -> None:
        (tmp_path / "settings.json").write_text("{}", encoding="utf-8")
        with pytest.raises(InputError, match=r"unfinished: it has no model\.safetensors yet\..* plusx fit --resume "):
            open_predictor(tmp_path, runtime=runtime)

    def test_a_run_without_an_exported_file(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"")
        with pytest.raises(InputError, match=r"holds no model\.onnx\. Make it with `plusx export "):
            open_predictor(tmp_path, runtime="onnx")

    def test_file_of_another_kind(self, photos: Path, run: Path) -> None:
        with pytest.raises(InputError, match=r"0\.png cannot be run with runtime 'auto', which takes .*\.onnx or"):
            open_predictor(photos / "0.png")
        with pytest.raises(
            InputError, match=r"model\.onnx cannot be run with runtime 'torch', which takes .*\.safetens"
        ):
            open_predictor(run / "model.onnx", runtime="torch")


PREDICTIONS: list[Prediction | Unreadable] = [
    Unreadable("broken.jpg", "the file is empty (0 bytes)."),
    LabelPrediction.of("a.jpg", ["rose", "玫瑰", "daisy"], [0.2, 0.7, 0.1]),
    LabelPrediction.of("b, c.jpg", ["rose", "玫瑰", "daisy"], [1.0, 0.0, 0.0]),
]
SETS = [LabelsPrediction.of(n, ["red", "round"], p, 0.5) for n, p in {"a": (0.9, 0.6), "b": (0.1, 0.2)}.items()]
VALUES = [ValuePrediction.of("a", ["age", "weight"], [41.25, 1234567.0]), Unreadable("b", "gone")]


class TestText:
    def test_table(self) -> None:
        assert list(table_lines(PREDICTIONS)) == [
            "image     label  probability  then",
            "a.jpg     玫瑰   70.0%        rose 20.0%, daisy 10.0%",
            "b, c.jpg  rose   100.0%       玫瑰 0.0%, daisy 0.0%",
        ]
        assert list(table_lines(SETS)) == ["image  labels", "a      red 90.0%, round 60.0%", "b      (none)"]
        assert list(table_lines(VALUES)) == ["image  age    weight", "a      41.25  1234567"]
        assert list(table_lines(PREDICTIONS[:1])) == []

    def test_table_is_written_as_it_comes(self) -> None:
        def endless() -> Iterator[Prediction]:
            while True:
                yield VALUES[0]  # type: ignore[misc]

        lines = table_lines(endless())
        assert next(lines) == "image  age    weight"

    def test_json(self) -> None:
        lines = [json.loads(line) for line in json_lines(PREDICTIONS)]
        assert lines[0] == {"image": "broken.jpg", "error": "the file is empty (0 bytes)."}
        assert lines[1]["label"] == "玫瑰"
        assert list(lines[1]["probabilities"].items()) == [("玫瑰", 0.7), ("rose", 0.2), ("daisy", 0.1)]

    def test_csv(self) -> None:
        rows = list(csv.DictReader(io.StringIO("\n".join(csv_lines(PREDICTIONS)))))
        assert [row["image"] for row in rows] == ["broken.jpg", "a.jpg", "b, c.jpg"]
        assert [row["error"] for row in rows] == ["the file is empty (0 bytes).", "", ""]
        assert rows[1]["label"] == "玫瑰"
        assert rows[1]["probability 3"] == "0.100000"
        assert rows[1]["label 3"] == "daisy"
        assert next(csv_lines(SETS)) == "image,labels,probability red,probability round,error"
        assert list(csv_lines(VALUES)) == ["image,age,weight,error", "a,41.25,1234567,", "b,,,gone"]
        assert list(csv_lines(PREDICTIONS[:1])) == ["image,error", "broken.jpg,the file is empty (0 bytes)."]
        assert list(csv_lines([])) == ["image,error"]


class TestPredictToText:
    def test_all_read(self, run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert predict_to_text(run, [str(photos / "0.png")], format="json", top=1) == 0
        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line)["label"] in CLASSES
        assert len(json.loads(line)["probabilities"]) == 1

    def test_unreadable_are_named_and_change_the_exit_code(
        self, run: Path, photos: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "plusx"):
            assert predict_to_text(run, [str(photos), "nowhere.jpg"]) == 1
        assert len(capsys.readouterr().out.splitlines()) == 1 + 6
        assert [record.getMessage().split(":")[0] for record in caplog.records] == [
            str(photos / "3.png"),
            "nowhere.jpg",
            "2 of 8 images could not be read",
        ]

    def test_into_a_file(self, run: Path, photos: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.csv"
        assert predict_to_text(run, [str(photos)], format="csv", out=out) == 1
        with out.open(encoding="utf-8", newline="") as file:
            assert len(list(csv.DictReader(file))) == 7
        with pytest.raises(InputError, match=r"out\.csv exists\. Give another name with --out, or delete it\."):
            predict_to_text(run, [str(photos)], out=out)

    def test_into_no_directory(self, run: Path, photos: Path, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match=r"out\.csv could not be written: No such file or directory"):
            predict_to_text(run, [str(photos)], out=tmp_path / "none" / "out.csv")

    def test_full_disk(self, run: Path, photos: Path) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        with pytest.raises(
            StorageError, match=r"/dev/full could not be written: No space left on device\. Results up to"
        ):
            predict_to_text(run, [str(photos)], out=Path("/dev/full"))


def test_an_exported_file_never_loads_torch(run: Path, photos: Path) -> None:
    code = (
        "import sys\nfrom plusx.workflows.predict import predict_to_text\n"
        f"predict_to_text({str(run)!r}, [{str(photos)!r}])\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'torchvision', 'onnx', 'rich'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert len(done.stdout.splitlines()) == 1 + 6 + 1


def test_open_predictor_takes_no_other_thing() -> None:
    wrong: Any = 3
    with pytest.raises(InputError, match=r"^model: found int, expected a run, its path or a model file"):
        open_predictor(wrong)
