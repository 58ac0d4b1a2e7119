"""Writes boxes as COCO JSON: annotations/instances_<split>.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plusx.core.storage import write_text
from plusx.data.boxes_out.placed import Placed, corners_of, decimal


def folder(split: str) -> str:
    return f"images/{split}"


def write(images: Sequence[Placed], classes: tuple[str, ...], out: Path) -> list[str]:
    """Ids are counted from 1, those of annotations over all splits. Ignored boxes are crowds."""
    (out / "annotations").mkdir(parents=True, exist_ok=True)
    categories = [{"id": index, "name": name} for index, name in enumerate(classes, 1)]
    count = 0
    for split in dict.fromkeys(image.split for image in images):
        content: dict[str, Any] = {"images": [], "annotations": [], "categories": categories}
        for number, image in enumerate((image for image in images if image.split == split), 1):
            height, width = image.size
            content["images"].append({"id": number, "file_name": image.file, "height": height, "width": width})
            content["annotations"] += _annotations(image, number, count)
            count += len(image.boxes)
        text = json.dumps(content, ensure_ascii=False)
        write_text(out / "annotations" / f"instances_{split}.json", text + "\n")
    return []


def _annotations(image: Placed, number: int, before: int) -> list[dict[str, Any]]:
    boxes = image.boxes
    return [
        {
            "id": before + place + 1,
            "image_id": number,
            "category_id": int(boxes.labels[place]) + 1,
            "bbox": [x1, y1, round(x2 - x1, 9), round(y2 - y1, 9)],
            "area": decimal(boxes.areas[place]),
            "iscrowd": int(boxes.ignored[place]),
        }
        for place, (x1, y1, x2, y2) in enumerate(corners_of(boxes))
    ]
