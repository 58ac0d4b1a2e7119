"""Files of predictions are read again as the labels they are, by plusx and by pycocotools."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from plusx.core.card import Card
from plusx.core.errors import DataError, InputError
from plusx.core.masks import LazyMask
from plusx.core.prediction import BoxesPrediction, MaskPrediction, Prediction
from plusx.core.targets import Boxes
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.regions import filled
from plusx.deploy.predictor import Predictor
from plusx.workflows.predict import predict_to_text
from plusx.workflows.prediction_files import files_for

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
KINDS = ("background", "cell", "细胞")
HEIGHT, WIDTH = 48, 64
ROWS = {
    "a": [(1.25, 2.5, 30, 40.125, 0.9, 1), (0, 0, 64, 48, 0.5, 2)],
    "b": [],
    "c": [(10, 10, 20, 20, 0.75, 2), (64, 5, 64, 9, 0.6, 1)],  # the last one without area
}


def mask_of(name: str) -> NDArray[np.uint8]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if name != "b":
        mask[5:30, 5:40] = 1
        mask[10:20, 10:20] = 0  # a hole
        mask[12:15, 12:15] = 2  # and something in it
        mask[30, 40] = 1  # touches a corner alone
        mask[40:, ord(name) % 7 : 30] = 2
    return mask


class Detector(Predictor):
    task_name = "detect"
    card = Card("a", "resnet20", classes=KINDS)
    config = MappingProxyType({"threshold": 0.25, "least": 0.05})

    def predict_batch(self, images: Any, names: Sequence[str]) -> list[Prediction]:
        return [BoxesPrediction.of(name, KINDS, ROWS.get(Path(name).stem, [])) for name in names]


class Segmenter(Predictor):
    task_name = "segment"
    card = Card("a", "resnet20", classes=KINDS)

    def predict_batch(self, images: Any, names: Sequence[str]) -> list[Prediction]:
        return [MaskPrediction.of(name, KINDS, mask_of(Path(name).stem)) for name in names]


class Classifier(Predictor):
    task_name = "classify"
    card = Card("a", "resnet20", classes=KINDS)

    def predict_batch(self, images: Any, names: Any) -> Any:
        raise AssertionError("nothing is to be predicted")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "照片"
    for name in ROWS:
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (WIDTH, HEIGHT), "grey").save(folder / name / f"{name}.png")
    return folder


def as_labels(out: Path, **options: Any) -> dict[str, Any]:
    listing = read(out, ReadOptions(**options))
    assert listing.classes == KINDS
    return {Path(sample.name).stem: sample.target for sample in listing.splits["train"]}


@pytest.mark.parametrize("to", ["coco", "yolo"])
def test_boxes_are_read_again(photos: Path, tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict_to_text(Detector(), photos, format=to, out=tmp_path / "out") == 0
    assert "1 boxes without area left out\n3 images, 3 boxes\nWritten to" in capsys.readouterr().out
    targets = as_labels(tmp_path / "out")
    for name, rows in ROWS.items():
        full = [row for row in rows if row[2] > row[0]]
        found = targets[name]
        assert isinstance(found, Boxes)
        assert found.labels.tolist() == [row[5] for row in full]
        assert found.corners == pytest.approx(np.array([row[:4] for row in full]).reshape(-1, 4), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "threshold", "said"),
    [
        ("b", None, ["no box has a score of 0.25 or more; less sure ones: --threshold 0.05"]),
        ("b", 0.05, ["no box has a score of 0.05 or more"]),
        ("", None, []),
    ],
)
def test_where_there_is_no_box_the_threshold_is_said(
    name: str, threshold: float | None, said: list[str], photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="plusx")
    predict_to_text(Detector(), photos / name, threshold=threshold)
    assert caplog.messages == said


def test_yolo_has_the_score_in_a_sixth_column(photos: Path, tmp_path: Path) -> None:
    predict_to_text(Detector(), photos, format="yolo", out=tmp_path / "out")
    assert (tmp_path / "out/labels/train/c.txt").read_text() == "2 0.234375 0.3125 0.15625 0.208333333 0.75\n"
    assert (tmp_path / "out/labels/train/b.txt").read_text() == ""
    [note] = [note for note in read(tmp_path / "out", ReadOptions()).notes if "score" in note]
    assert note == "2 label files with scores in a sixth column, not used: a.txt, c.txt"


def test_masks_are_read_again(photos: Path, tmp_path: Path) -> None:
    assert predict_to_text(Segmenter(), photos, format="coco", out=tmp_path / "out") == 0
    for name, target in as_labels(tmp_path / "out", kind="mask").items():
        assert isinstance(target, LazyMask)
        assert np.array_equal(target.load().values, mask_of(name))


@pytest.mark.parametrize(("model", "kind"), [(Detector(), "bbox"), (Segmenter(), "segm")])
def test_pycocotools_takes_the_results(photos: Path, tmp_path: Path, model: Predictor, kind: Any) -> None:
    """Labels and results are the same things, so that all are found."""
    predict_to_text(model, photos, format="coco", out=tmp_path / "out")
    truth = COCO(str(tmp_path / "out/annotations/instances_train.json"))
    results = truth.loadRes(str(tmp_path / "out/results.json"))
    assert len(results.anns) == len(truth.anns) > 2
    scores = COCOeval(truth, results, kind)
    scores.evaluate()
    scores.accumulate()
    scores.summarize()
    assert scores.stats[0] == pytest.approx(1.0)


def test_outlines_of_regions_enclose_their_pixels(photos: Path, tmp_path: Path) -> None:
    predict_to_text(Segmenter(), photos, format="geojson", out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.geojson", "b.geojson", "c.geojson"]
    content = json.loads((tmp_path / "out/a.geojson").read_text())
    again = np.zeros((HEIGHT, WIDTH), np.uint8)
    for feature in content["features"]:
        rings = feature["geometry"]["coordinates"]
        assert all(ring[0] == ring[-1] for ring in rings)
        filling = [filled((np.array(ring[:-1], np.float32),), (HEIGHT, WIDTH)) for ring in rings]
        inside = np.logical_xor.reduce(filling)
        assert feature["properties"]["area"] == inside.sum()
        again[inside] = KINDS.index(feature["properties"]["class"])
    assert np.array_equal(again, mask_of("a"))
    assert len(content["features"]) == 4
    assert json.loads((tmp_path / "out/b.geojson").read_text())["features"] == []


def test_boxes_as_outlines(photos: Path, tmp_path: Path) -> None:
    predict_to_text(Detector(), photos / "c", format="geojson", out=tmp_path / "out")
    first, _ = json.loads((tmp_path / "out/c.geojson").read_text())["features"]
    assert first["geometry"] == {"type": "Polygon", "coordinates": [[[10, 10], [20, 10], [20, 20], [10, 20], [10, 10]]]}
    assert first["properties"] == {"class": "细胞", "area": 100, "score": 0.75}


def test_images_of_one_name_are_kept_apart(photos: Path, tmp_path: Path) -> None:
    (photos / "d").mkdir()
    Image.new("RGB", (WIDTH, HEIGHT)).save(photos / "d" / "a.png")
    for to in ("coco", "geojson"):
        predict_to_text(Segmenter(), photos, format=to, out=tmp_path / to)
    assert len(list((tmp_path / "coco/images/train").iterdir())) == len(list((tmp_path / "geojson").iterdir())) == 4


def test_what_cannot_be_written(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--format yolo is for the task detect; the model's is segment"):
        predict_to_text(Segmenter(), photos, format="yolo", out=tmp_path / "out")
    with pytest.raises(
        InputError, match=r"coco is for the task detect or segment; the model's is classify\. Use .* table"
    ):
        predict_to_text(Classifier(), photos, format="coco", out=tmp_path / "out")
    with pytest.raises(InputError, match=r"--format geojson writes files\. Give the directory"):
        predict_to_text(Detector(), photos, format="geojson")
    with pytest.raises(InputError, match="exists and is not empty"):
        predict_to_text(Detector(), photos, format="coco", out=photos)
    with pytest.raises(DataError, match=r"image\[0\] is in no file here"):
        predict_to_text(Detector(), np.zeros((1, HEIGHT, WIDTH, 3), np.uint8), format="coco", out=tmp_path / "out")


def test_names_without_a_suffix_keep_their_dots(tmp_path: Path) -> None:
    names = ["a.jpg", "v1.5/a", "v1"]
    found = [BoxesPrediction(name, (), KINDS) for name in names]
    list(files_for("geojson", "detect", tmp_path / "out").write(found, KINDS))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.geojson", "v1.5_a.geojson", "v1.geojson"}
