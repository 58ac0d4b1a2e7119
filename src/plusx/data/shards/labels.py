"""Targets as the text that stands beside an image in a shard, and back to labels as the formats' readers find them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from plusx.core.errors import DataError
from plusx.core.sample import Kind
from plusx.core.targets import Boxes, Label, Labels, Target, Value
from plusx.data.formats.boxes import Drawn

REFUSED = (
    "{kind} of the data cannot be written into shards: one member a class would make files that nothing else reads. "
    "Shards hold one class, several classes, values, boxes, or one mask an image."
)


def text_of(target: Target | None, classes: Sequence[str]) -> str:
    """The class name; JSON for several classes, values and boxes; "" for a mask, which is a file of its own."""
    match target:
        case Label(index):
            return classes[index]
        case Labels(indices):
            return _json({"labels": [classes[index] for index in indices]})
        case Value(values):
            return _json({"values": list(values)})
        case Boxes():
            return _json(
                {
                    "boxes": target.corners.astype(np.float64).tolist(),
                    "labels": [classes[index] for index in target.labels.tolist()],
                    "ignored": target.ignored.tolist(),
                    "areas": target.areas.astype(np.float64).tolist(),
                }
            )
    return ""


def label_of(text: str, where: str, kind: Kind) -> Any:
    """What an `Entry` has for a label. DataError naming the image `where` for what is no such label."""
    if kind == "label":
        return text
    try:
        found = json.loads(text)
        if kind == "labels":
            return tuple(found["labels"])
        if kind == "value":
            return tuple(float(value) for value in found["values"])
        return _boxes(found, where)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{where}: {text[:80]!r} is no label of kind {kind!r} ({error}).") from error


def _boxes(found: Any, where: str) -> Drawn:
    corners = np.array(found["boxes"], np.float64).reshape(-1, 4)
    count = len(corners)
    return Drawn(
        corners,
        tuple(found["labels"]),
        np.array(found.get("ignored", [False] * count), np.bool),
        np.array(found.get("areas", [np.nan] * count), np.float64),
        None,
        where,
        "box",
        tuple(range(count)),
        "x1, y1, x2, y2",
        corners,
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
