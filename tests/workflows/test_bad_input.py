"""What users' boxes and masks are like at their worst, through `check` and `fit`: a right result or one clear error."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import boxed
from plusx.core.errors import DataError
from plusx.core.prediction import BoxesPrediction, MaskPrediction
from plusx.workflows.check import check
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.predict import predict
from plusx.workflows.preparation import read_listing

QUICK: dict[str, Any] = {"device": "cpu", "precision": "fp32", "compile": "no", "workers": 0, "image_size": 64}
TINY: dict[str, Any] = {"model": "shufflenet_v2_x0_5", "epochs": 1, "batch_size": 2, "export": False, **QUICK}

Box = tuple[float, float, float, float]
Write = Callable[[Path, Box, str], Path]
"""Writes a good data set whose first box is this one, of this class."""


def coco(root: Path, box: Box, label: str) -> Path:
    content = boxed.coco_content()
    x1, y1, x2, y2 = box
    content["annotations"][0]["bbox"] = [x1, y1, x2 - x1, y2 - y1]
    ids = {category["name"]: category["id"] for category in content["categories"]}
    content["annotations"][0]["category_id"] = ids.get(label, 77)
    return boxed.coco(root, content)


def voc(root: Path, box: Box, label: str) -> Path:
    x1, y1, x2, y2 = box
    good = boxed.voc(root)
    (root / "Annotations" / "a.xml").write_text(boxed.voc_xml(boxed.voc_object(label, (x1 + 1, y1 + 1, x2, y2))))
    return good


def yolo(root: Path, box: Box, label: str) -> Path:
    x1, y1, x2, y2 = box
    place = f"{(x1 + x2) / 160} {(y1 + y2) / 120} {(x2 - x1) / boxed.WIDTH} {(y2 - y1) / boxed.HEIGHT}"
    number = ["cat", "dog"].index(label) if label in ("cat", "dog") else 7
    good = boxed.yolo(root)
    (root / "labels" / "train" / "a.txt").write_text(f"{number} {place}\n")
    return good


def table(root: Path, box: Box, label: str) -> Path:
    good = boxed.table(root)
    lines = (root / "boxes.csv").read_text().splitlines()
    lines[1] = f"a.png,{','.join(map(str, box))},{label}"
    (root / "boxes.csv").write_text("\n".join(lines))
    return good


PLACES: dict[Any, str] = {
    coco: r"instances\.json, annotation 100",
    voc: r"a\.xml, object",
    yolo: r"a\.txt, line 1",
    table: r"boxes\.csv, line 2",
}


def errors(data: Path, **told: Any) -> list[str]:
    return [finding.message for finding in check(data, **told).audit.findings if finding.severity == "error"]


@pytest.mark.parametrize("write", list(PLACES))
@pytest.mark.parametrize(
    ("box", "text"),
    [
        ((10, 20, 10, 50), "the box has no area"),
        ((30, 20, 10, 50), "the corners are swapped"),
        ((float("nan"), 20, 30, 50), "not finite|nan"),
        ((200, 20, 230, 50), "lies wholly outside of the image, 80×60 pixels|expected shares of the image"),
    ],
)
def test_a_box_that_is_none_is_named_with_file_annotation_and_value(
    write: Write, box: Box, text: str, tmp_path: Path
) -> None:
    data = write(tmp_path / "data", box, "cat")
    assert any(re.search(rf"(?s){PLACES[write]}.*({text})", one) for one in errors(data, task="detect"))
    with pytest.raises(DataError, match=rf"(?s){PLACES[write]}.*({text})"):
        read_listing(data, FitSettings(task="detect"))
    if write is coco:
        with pytest.raises(DataError, match=text):
            fit(tmp_path / "data", out=tmp_path / "run", **TINY)


@pytest.mark.parametrize("write", [coco, yolo])
def test_an_undeclared_class_is_named(write: Write, tmp_path: Path) -> None:
    data = write(tmp_path / "data", (10, 20, 30, 50), "bird")
    [told] = errors(data)
    assert re.search(rf"{PLACES[write]}.*(77|7)", told)
    with pytest.raises(DataError, match=rf"{PLACES[write]}.*(77|7)"):
        read_listing(data, FitSettings())


@pytest.mark.parametrize("write", list(PLACES))
def test_images_without_boxes_are_legal_and_noted(write: Write, tmp_path: Path) -> None:
    checked = check(write(tmp_path / "data", (10, 20, 30, 50), "cat"))
    [finding] = [finding for finding in checked.audit.findings if finding.code == "no-boxes"]
    assert re.fullmatch(r"1 of 3 images in train have no boxes, all background: .*\.(png|jpg)", finding.message)


def noise(path: Path, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(height + width).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def test_five_thousand_boxes_a_long_image_and_one_without_boxes(tmp_path: Path) -> None:
    """Half of the training images lose all boxes to crops: they stand in a corner."""
    sizes = {
        "many": (250, 250),
        "long": (1, 5000),
        "tall": (5000, 1),
        "none": (60, 60),
        "a": (300, 300),
        "b": (300, 300),
    }
    places = np.random.default_rng(0).integers(0, 240, (5000, 2))
    boxes: dict[str, Any] = {name: [(0, 0, 9, 9)] for name in ("a", "b")}
    boxes |= {"many": [(x, y, x + 8, y + 8) for x, y in places.tolist()], "none": []}
    boxes |= {"long": [(40, 0, 400, 1)], "tall": [(0, 40, 1, 400)]}
    rows = ["image,x1,y1,x2,y2,label"]
    for name, size in sizes.items():
        noise(tmp_path / "data" / f"{name}.png", *size)
        rows += [f"{name}.png,{','.join(map(str, box))},cell" for box in boxes[name]] or [f"{name}.png,,,,,"]
    (tmp_path / "data" / "boxes.csv").write_text("\n".join(rows))
    assert check(tmp_path / "data").listing.kind == "boxes"
    run = fit(tmp_path / "data", out=tmp_path / "run", **TINY)
    assert 0 <= run.metrics["map"] <= 1
    for one in predict(run.path, tmp_path / "data"):
        assert isinstance(one, BoxesPrediction)
        height, width = sizes[Path(one.name).stem]
        assert all(0 <= box.x1 <= box.x2 <= width and 0 <= box.y1 <= box.y2 <= height for box in one.boxes)


def outlined(root: Path, sizes: dict[str, tuple[int, int]]) -> Path:
    """The right half of each picture is class 1."""
    for name, (height, width) in sizes.items():
        noise(root / "images" / f"{name}.png", height, width)
        mask = np.zeros((height, width), np.uint8)
        mask[:, width // 2 :] = 1
        (root / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")
    return root


def test_masks_of_long_images(tmp_path: Path) -> None:
    sizes = {"long": (1, 5000), "tall": (5000, 1), "a": (60, 60), "b": (70, 50)}
    run = fit(outlined(tmp_path / "data", sizes), out=tmp_path / "run", task="segment", head="unet", **TINY)
    assert 0 <= run.metrics["miou"] <= 1
    for one in predict(run.path, tmp_path / "data" / "images"):
        assert isinstance(one, MaskPrediction)
        assert one.mask.shape == sizes[Path(one.name).stem]


def smaller(root: Path) -> None:
    Image.new("L", (40, 60)).save(root / "masks" / "a.png")


def undeclared(root: Path) -> None:
    """Seen by the audit alone, since classes.csv says what there is."""
    (root / "classes.csv").write_text("name,value\nground,0\nroad,1\n")
    Image.new("L", (60, 60), 7).save(root / "masks" / "a.png")


def without_mask(root: Path) -> None:
    (root / "masks" / "a.png").unlink()


def without_image(root: Path) -> None:
    (root / "images" / "a.png").unlink()


@pytest.mark.parametrize(
    ("spoil", "text", "code"),
    [
        (
            smaller,
            r"masks.a\.png: the mask has 40×60 pixels, its image .*a\.png has 60×60; they must be equal",
            "mask-size",
        ),
        (
            undeclared,
            r"a\.png: 1 value has no class, in 3600 pixels: 7 \(3600 pixels\)\. Values with a class",
            "mask-unusable",
        ),
        (
            without_mask,
            r"1 image in .*images without a mask: a\.png\. Expected masks of the same names in",
            "image-without-mask",
        ),
        (without_image, r"1 mask in .*masks without an image of the same name in .*: a\.png", "mask-without-image"),
    ],
)
def test_masks_that_cannot_be_used(spoil: Callable[[Path], None], text: str, code: str, tmp_path: Path) -> None:
    root = outlined(tmp_path / "data", dict.fromkeys("abc", (60, 60)))
    spoil(root)
    with pytest.raises(DataError, match=text):
        fit(root, out=tmp_path / "run", task="segment", **TINY)
    assert not (tmp_path / "run").exists()
    [finding] = [one for one in check(root, task="segment").audit.findings if one.code == code]
    assert (finding.severity, finding.names) == ("error", finding.excluded)
    (tmp_path / "without.txt").write_text("\n".join(finding.excluded))
    assert not errors(root, task="segment", exclude=tmp_path / "without.txt")
    assert read_listing(root, FitSettings(task="segment", exclude=tmp_path / "without.txt")).splits["train"]
