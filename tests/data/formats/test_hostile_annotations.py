"""Annotations from strangers: an error with the file's name, whatever stands in them. Found by scripts/fuzz.py."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from plusx.core.errors import DataError, PlusxError
from plusx.core.masks import LazyMask
from plusx.core.sample import Kind
from plusx.data.formats.read import ReadOptions, read

BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "segmentation": [[0, 0, 4, 0, 4, 4]]}


def _listed(source: Path, kind: Kind | None = None) -> None:
    for samples in read(source, ReadOptions(kind=kind)).splits.values():
        for sample in samples:
            if isinstance(sample.target, LazyMask):
                sample.target.load()


def _coco(root: Path, box: dict[str, Any], image: dict[str, Any], category: dict[str, Any]) -> Path:
    Image.new("L", (8, 8)).save(root / "1.png")
    Image.new("L", (8, 8)).save(root / "2.png")
    content = {
        "images": [{"id": 1, "file_name": "1.png", **image}, {"id": 2, "file_name": "2.png"}],
        "categories": [{"id": 1, "name": "cat", **category}],
        "annotations": [{**BOX, **box}],
    }
    path = root / "a.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("kind", ["boxes", "mask", "masks"])
@pytest.mark.parametrize(
    ("box", "image", "category"),
    [
        ({"image_id": {}}, {}, {}),
        ({"image_id": [1]}, {}, {}),
        ({"category_id": {"a": 1}}, {}, {}),
        ({"category_id": []}, {}, {}),
        ({}, {"id": [1]}, {}),
        ({}, {"id": None}, {}),
        ({}, {}, {"id": [1]}),
        ({}, {}, {"id": {}}),
        ({}, {}, {"name": [1]}),
        ({}, {}, {"name": {"a": "b"}}),
        ({"bbox": [10**400] * 4, "segmentation": [[10**400] * 6]}, {}, {}),
        ({"bbox": ["x"] * 4, "segmentation": "x"}, {}, {}),
        ({"bbox": {}, "segmentation": {"counts": [10**12], "size": [10**6, 10**6]}}, {}, {}),
        ({"bbox": None, "segmentation": {"counts": "o" * 500 + "0", "size": [8, 8]}}, {}, {}),
    ],
)
def test_coco(tmp_path: Path, kind: Kind, box: dict[str, Any], image: dict[str, Any], category: dict[str, Any]) -> None:
    path = _coco(tmp_path, box, image, category)
    with pytest.raises(DataError, match=r"a\.json|1\.png"):
        _listed(path, kind)


@pytest.mark.parametrize("area", [10**400, float("nan"), float("inf"), "x", None, [1]])
@pytest.mark.parametrize("kind", ["boxes", "mask"])
def test_areas_of_coco_only_order(tmp_path: Path, kind: Kind, area: Any) -> None:
    _listed(_coco(tmp_path, {"area": area}, {}, {}), kind)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"images":' * 50_000,
        b"\xff\xfe\0",
        b'"images" "annotations" "categories"',
        b"1" * 5000,
        b'{"images": [], "annotations": [], "categories": [], "images": 3}',
        b'{"images": NaN, "annotations":1e999}',
    ],
)
def test_json_that_is_none(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text)
    with pytest.raises(DataError, match=r"a\.json"):
        _listed(path)


def test_many_categories_are_compared_at_once(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "2.png"}],
        "categories": [{"id": number, "name": f"c{number}"} for number in range(30_000)],
        "annotations": [BOX],
    }
    Image.new("L", (8, 8)).save(tmp_path / "1.png")
    Image.new("L", (8, 8)).save(tmp_path / "2.png")
    (tmp_path / "a.json").write_text(json.dumps(content))
    _listed(tmp_path / "a.json")


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
OBJECT = "<object><name>{}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object>"


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE annotation [<!ENTITY a0 "ha">{LAUGHS}]><annotation>{OBJECT.format("&a11;")}</annotation>',
        f'<!DOCTYPE annotation [<!ENTITY a SYSTEM "SECRET">]><annotation>{OBJECT.format("&a;")}</annotation>',
        "<annotation>" + "<object>" * 100_000,
        f"<annotation>{OBJECT.format('a')}\0</annotation>",
        f"<annotation>{OBJECT.format('a').replace('5', '1e999')}</annotation>",
        f"<annotation>{OBJECT.format('a').replace('5', 'nan')}</annotation>",
        '<?xml version="1.0" encoding="no-such"?><annotation/>',
    ],
)
def test_voc(tmp_path: Path, text: str) -> None:
    """Entities that multiply and those that lead into other files among them."""
    (tmp_path / "secret.txt").write_text("the secret")
    (tmp_path / "Annotations").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "1.png")
    (tmp_path / "Annotations" / "1.xml").write_text(text.replace("SECRET", (tmp_path / "secret.txt").as_uri()))
    with pytest.raises(DataError, match=r"1\.xml") as error:
        _listed(tmp_path)
    assert "the secret" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\ntrain: images\nnames: *b\n",
        "train: images\nnames: [a, [b, [c]]]\n",
        "train: images\nnames: {0: a, 0: b}\n",
        "train: images\nnames: {²: a}\n",
        "train: images\nnames: {٣: a}\n",
        "train: ../../../etc\nnames: [a]\n",
        "train: images\nnames: {999999999999999999999999: a}\n",
        "train: \0\nnames: [a]\n",
        "train: images\nnames: " + "[" * 100_000,
    ],
)
def test_yolo(tmp_path: Path, text: str) -> None:
    (tmp_path / "images").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "images" / "1.png")
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=r"data\.yaml"):
        _listed(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"image,label\n1.png,\0\n",
        b'image,label\n1.png,"' + b"x" * 200_000 + b"\n",
        b"image,image\n1.png,2\n",
        b"image,label\n1.png,a,b,c\n",
        b"\xff\xfe\0\xd8",
        b"image,label\r1.png,a\n\r\n2.png\r",
        ",".join(f"c{number}" for number in range(20_000)).encode(),
        b"\xff" * 100,
        b"x1,y1,x2,y2,image,label\n1e999,nan,-inf,1,1.png,a\n",
    ],
)
def test_tables(tmp_path: Path, data: bytes) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "1.png")
    (tmp_path / "a.csv").write_bytes(data)
    for kind in (None, "label", "labels", "value", "boxes"):
        with contextlib.suppress(PlusxError):
            _listed(tmp_path / "a.csv", kind)
