"""Predicted boxes and masks as GeoJSON (RFC 7946), in pixels of the image instead of degrees."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.core.masks import VOID
from plusx.core.prediction import Box, BoxesPrediction, MaskPrediction
from plusx.data.masks_out.connected import connected
from plusx.data.masks_out.outlines import outlines

BACKGROUND = "background"
"""A class of that name has no features."""

Json: TypeAlias = dict[str, Any]


def collection(prediction: BoxesPrediction | MaskPrediction) -> Json:
    """A FeatureCollection: a feature for every box or for every connected region of a class, x to the right, y down.

    `class`, `area` in square pixels and, of boxes, `score` are properties. Outlines run along the edges of pixels, so
    that what they enclose, without the holes, is the region exactly.
    """
    found = _boxes(prediction.boxes) if isinstance(prediction, BoxesPrediction) else _regions(prediction)
    return {"type": "FeatureCollection", "features": list(found)}


def _boxes(boxes: Sequence[Box]) -> Iterator[Json]:
    for box in boxes:
        ring = np.array([(box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)])
        about = {"class": box.label, "area": (box.x2 - box.x1) * (box.y2 - box.y1), "score": box.score}
        yield _feature([ring], about)


def _regions(prediction: MaskPrediction) -> Iterator[Json]:
    left_out = {index for index, name in enumerate(prediction.classes) if name == BACKGROUND} | {VOID}
    numbers, labels = connected(prediction.mask, left_out)
    areas = np.bincount(numbers[numbers >= 0], minlength=len(labels)).tolist()
    for label, area, rings in zip(labels.tolist(), areas, outlines(numbers, len(labels)), strict=True):
        yield _feature(rings, {"class": prediction.classes[label], "area": area})


def _feature(rings: Sequence[NDArray[Any]], properties: Json) -> Json:
    coordinates = [[*ring.tolist(), ring[0].tolist()] for ring in rings]
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": coordinates}, "properties": properties}
