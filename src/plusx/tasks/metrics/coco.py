"""COCO's average precision and recall, counted by faster-coco-eval, whose figures are those of COCO's own code."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from plusx.tasks.metrics.image_boxes import Floats, ImageBoxes

AREAS = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e5**2)}
"""Square pixels in the original image: https://cocodataset.org/#detection-eval, as all else here."""

MOST = (1, 10, 100)
"""Detections of a class and image that count, the best ones; average precision takes the last."""

Dataset: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class CocoScores:
    """precision: (10 IoU thresholds .50:.05:.95, 101 recalls 0:.01:1, classes, all/small/medium/large, 1/10/100
    detections); recall: the same without recalls. −1 where no true box defines it.
    """

    precision: Floats
    recall: Floats

    def summary(self) -> dict[str, float | None]:
        """map (IoU .50:.95), map-50, map-75, map-small, -medium, -large, ar-1, ar-10, ar-100: 0..1 or None."""
        values = {
            "map": _mean(self.precision[..., 0, -1]),
            "map-50": _mean(self.precision[0, ..., 0, -1]),
            "map-75": _mean(self.precision[5, ..., 0, -1]),
        }
        values |= {f"map-{name}": _mean(self.precision[..., 1 + a, -1]) for a, name in enumerate(AREAS)}
        return values | {f"ar-{most}": _mean(self.recall[..., 0, m]) for m, most in enumerate(MOST)}

    def of_class(self, index: int) -> dict[str, float]:
        """AP and AP50 of one class; empty if it has no true box."""
        precision = self.precision[:, :, index, 0, -1]
        values = {"AP": _mean(precision), "AP50": _mean(precision[0])}
        return {name: value for name, value in values.items() if value is not None}

    def curve(self, index: int) -> tuple[Floats, Floats] | None:
        """Recall 0:.01:1 and the precision reached at it or beyond, at IoU 0.5, whose mean is AP50."""
        precision = self.precision[0, :, index, 0, -1]
        return (np.linspace(0, 1, len(precision)), precision) if precision[0] > -1 else None


def evaluate(images: Sequence[ImageBoxes], classes: int) -> CocoScores:
    """Over all images, at least one; prints nothing."""
    from faster_coco_eval import COCO, COCOeval_faster

    shared = {
        "images": [{"id": i} for i in range(len(images))],
        "categories": [{"id": c, "name": str(c)} for c in range(classes)],
    }
    truth, found = COCO(print_function=_silent), COCO(print_function=_silent)
    truth.dataset = shared | {"annotations": _numbered(_true(images))}
    found.dataset = shared | {"annotations": _numbered(_found(images))}
    truth.createIndex()
    found.createIndex()
    run = COCOeval_faster(truth, found, iouType="bbox", ranges=dict(AREAS), print_function=_silent)
    run.params.maxDets = list(MOST)
    run.evaluate()
    run.accumulate()
    return CocoScores(np.asarray(run.eval["precision"]), np.asarray(run.eval["recall"]))


def _true(images: Sequence[ImageBoxes]) -> Iterator[dict[str, Any]]:
    for i, image in enumerate(images):
        columns = (_boxes(image.true_corners), image.true_labels, image.ignored.astype(int), image.areas)
        for box, label, crowd, area in zip(*(column.tolist() for column in columns), strict=True):
            yield {"image_id": i, "category_id": label, "bbox": box, "area": area, "iscrowd": crowd}


def _found(images: Sequence[ImageBoxes]) -> Iterator[dict[str, Any]]:
    for i, image in enumerate(images):
        columns = (_boxes(image.corners), image.labels, image.scores)
        for box, label, score in zip(*(column.tolist() for column in columns), strict=True):
            area = box[2] * box[3]
            yield {"image_id": i, "category_id": label, "bbox": box, "area": area, "iscrowd": 0, "score": score}


def _numbered(annotations: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """From 1, as COCO's code takes the number 0 for no match."""
    return [{"id": number, **annotation} for number, annotation in enumerate(annotations, start=1)]


def _boxes(corners: Floats) -> Floats:
    """x, y, width, height."""
    return np.concatenate((corners[:, :2], corners[:, 2:] - corners[:, :2]), axis=1)


def _mean(values: Floats) -> float | None:
    defined = values[values > -1]
    return float(defined.mean()) if len(defined) else None


def _silent(*_: object) -> None:
    pass
