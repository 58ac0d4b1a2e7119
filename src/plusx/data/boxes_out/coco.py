"""Writes boxes as COCO JSON: annotations/instances_<split>.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from plusx.core.storage import write_text
from plusx.data.boxes_out.placed import Placed, corners_of, decimal


def folder(split: str) -> str:
    return f"images/{split}"


def write(images: Sequence[Placed], classes: tuple[str, ...], out: Path) -> list[str]:
    """Ids are counted from 1, those of annotations over all splits. Ignored boxes are crowds. Of boxes that were
    predicted results.json as well."""
    (out / "annotations").mkdir(parents=True, exist_ok=True)
    categories = [{"id": index, "name": name} for index, name in enumerate(classes, 1)]
    count, predicted = 0, []
    for split in dict.fromkeys(image.split for image in images):
        content: dict[str, Any] = {"images": [], "annotations": [], "categories": categories}
        for number, image in enumerate((image for image in images if image.split == split), 1):
            height, width = image.size
            content["images"].append({"id": number, "file_name": image.file, "height": height, "width": width})
            annotations = _annotations(image, number, count)
            content["annotations"] += annotations
            predicted += [] if image.scores is None else annotations
            count += len(image.boxes)
        text = json.dumps(content, ensure_ascii=False)
        write_text(out / "annotations" / f"instances_{split}.json", text + "\n")
    if any(image.scores is not None for image in images):
        write_results(out / "results.json", predicted, "bbox")
    return []


def write_results(path: Path, annotations: Sequence[Mapping[str, Any]], shape: Literal["bbox", "segmentation"]) -> None:
    """COCO's form for results (cocodataset.org/#format-results), with the ids of the annotations' own file.

    What has no score of its own has 1.
    """
    keys = ("image_id", "category_id", shape)
    results = [{**{key: one[key] for key in keys}, "score": one.get("score", 1.0)} for one in annotations]
    write_text(path, json.dumps(results) + "\n")


def _annotations(image: Placed, number: int, before: int) -> list[dict[str, Any]]:
    boxes = image.boxes
    scores = [{}] * len(boxes) if image.scores is None else [{"score": round(score, 6)} for score in image.scores]
    return [
        {
            "id": before + place + 1,
            "image_id": number,
            "category_id": int(boxes.labels[place]) + 1,
            "bbox": [x1, y1, round(x2 - x1, 9), round(y2 - y1, 9)],
            "area": decimal(boxes.areas[place]),
            "iscrowd": int(boxes.ignored[place]),
            **scores[place],
        }
        for place, (x1, y1, x2, y2) in enumerate(corners_of(boxes))
    ]
