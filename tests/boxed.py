"""Small data sets with boxes, written by hand in each format: a.png has two boxes, b.png one, c.png none."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from plusx.core.sample import Listing
from plusx.core.targets import Boxes

WIDTH, HEIGHT = 80, 60
ROWS: dict[str, list[tuple[str, tuple[float, float, float, float]]]] = {
    "a.png": [("cat", (10, 20, 30, 50)), ("dog", (0, 0, 80, 60))],
    "b.png": [("dog", (40, 5, 60, 25))],
    "c.png": [],
}


def pictures(folder: Path, *names: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        Image.new("RGB", size, (40 * index % 256, 9, 9)).save(folder / name)
    return folder


def found(listing: Listing, split: str = "train") -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    """File name → (class, corners) of every box."""
    boxes = {sample.name.split("/")[-1]: sample.target for sample in listing.splits[split]}
    return {
        name: [(listing.classes[i], tuple(c)) for i, c in zip(target.labels, target.corners.tolist(), strict=True)]
        for name, target in boxes.items()
        if isinstance(target, Boxes)
    }


def coco_content() -> dict[str, Any]:
    """Category ids with a gap, in another order than the list."""
    ids = {"dog": 9, "cat": 4}
    rows = [(number, *row) for number, name in enumerate(ROWS) for row in ROWS[name]]
    return {
        "images": [{"id": i, "file_name": name, "width": WIDTH, "height": HEIGHT} for i, name in enumerate(ROWS)],
        "categories": [{"id": key, "name": name} for name, key in ids.items()],
        "annotations": [
            {"id": 100 + i, "image_id": image, "category_id": ids[name], "bbox": [x1, y1, x2 - x1, y2 - y1], "area": 7}
            for i, (image, name, (x1, y1, x2, y2)) in enumerate(rows)
        ],
    }


def coco(root: Path, content: Any = None, name: str = "annotations/instances.json") -> Path:
    """The folder; `content` in place of the usual."""
    pictures(root / "images", *ROWS)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(json.dumps(coco_content() if content is None else content), encoding="utf-8")
    return root


def voc_xml(objects: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    return (
        f"<annotation><filename>x</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{objects}</annotation>"
    )


def voc_object(name: str, box: tuple[float, ...], extra: str = "") -> str:
    """box: xmin, ymin, xmax, ymax as VOC counts them."""
    corners = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    return f"<object><name>{name}</name>{extra}<bndbox>{corners}</bndbox></object>"


def voc(root: Path) -> Path:
    pictures(root / "JPEGImages", *ROWS)
    (root / "Annotations").mkdir()
    for name, rows in ROWS.items():
        objects = "".join(voc_object(one, (x1 + 1, y1 + 1, x2, y2)) for one, (x1, y1, x2, y2) in rows)
        (root / "Annotations" / f"{Path(name).stem}.xml").write_text(voc_xml(objects))
    return root


def yolo(root: Path) -> Path:
    """Without a label file for c.png."""
    pictures(root / "images" / "train", *ROWS)
    (root / "labels" / "train").mkdir(parents=True)
    classes = ["cat", "dog"]
    for name, rows in ROWS.items():
        lines = [
            f"{classes.index(one)} {(x1 + x2) / 160} {(y1 + y2) / 120} {(x2 - x1) / WIDTH} {(y2 - y1) / HEIGHT}"
            for one, (x1, y1, x2, y2) in rows
        ]
        if lines:
            (root / "labels" / "train" / f"{Path(name).stem}.txt").write_text("\n".join(lines) + "\n")
    (root / "data.yaml").write_text("train: images/train\nnames:\n  0: cat\n  1: dog\n")
    return root


def table(root: Path, header: str = "image,x1,y1,x2,y2,label") -> Path:
    pictures(root / "images", *ROWS)
    lines = [f"{name},{','.join(map(str, box))},{one}" for name, rows in ROWS.items() for one, box in rows]
    (root / "boxes.csv").write_text("\n".join([header, *lines, "c.png,,,,,"]) + "\n")
    return root
