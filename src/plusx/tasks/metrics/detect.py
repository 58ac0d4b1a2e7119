"""Metrics of object detection, counted in the pixels of the original images."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from torch import Tensor

from plusx.core.details import ClassScore, Curve, Details
from plusx.core.errors import InputError
from plusx.core.view import View
from plusx.tasks.metrics import checks, coco, voc
from plusx.tasks.metrics.box_confusion import confusion, verdicts
from plusx.tasks.metrics.image_boxes import ImageBoxes
from plusx.tasks.metrics.ranking import mean_of_defined

BASIS = "precision, recall and F1 of a class: at IoU 0.5, from the score on at which its F1 is best"
"""What stands beside the table of classes."""


class DetectMetrics:
    """map (primary), map-50, map-75, map-small, map-medium, map-large, ar-1, ar-10, ar-100, voc-map-50.

    map: COCO's average precision, the mean over classes and IoU thresholds .50:.05:.95 of the precision at 101 recalls;
    -50, -75: at that IoU alone; -small, -medium, -large: of objects up to 32², 96² and above that in square pixels of
    the original image; ar-N: recall with N detections of a class an image; voc-map-50: Pascal VOC's. Ignored boxes
    (crowd, difficult) are neither asked for nor counted as wrong. What no true box defines is left out, so all of
    them where there is no true box. Keeps 48 bytes a detection and 49 a true box, since ranking needs all at the end.
    """

    primary = "map"
    higher_is_better = True

    def __init__(self, classes: Sequence[str], decode: Callable[[Tensor], Tensor] | None = None) -> None:
        """decode: from what `update` is given to detections; None where it is given those."""
        self.classes = tuple(classes)
        self._decode = decode
        self._images: list[ImageBoxes] = []
        self._coco: coco.CocoScores | None = None
        self._voc: tuple[voc.ClassDetections, ...] = ()

    def update(self, outputs: Tensor, targets: Tensor, views: Sequence[View] = ()) -> None:
        """outputs: detections (B, D, 6): x1, y1, x2, y2, score, label, or what `decode` makes them of; rows with score
        0 or label −1 are left out.

        targets: (B, M, 7): label, x1, y1, x2, y2, ignored, area; rows with label −1 are left out. Corners in pixels of
        the input, which `views`, one an image, bring into the original image; without views they stay as they are.
        NonFiniteOutputError for NaN or infinity, InputError for a class index that the model does not have.
        """
        detections = outputs if self._decode is None else self._decode(outputs)
        found, true = checks.finite(detections), targets.detach().float().cpu()
        self._check(true[..., 0])
        self._coco = None
        each: Sequence[View | None] = views if len(views) else [None] * len(found)
        for rows, boxes, view in zip(found, true, each, strict=True):
            self._images.append(_image(rows, boxes, view))

    def merge(self, other: Self) -> None:
        """As if the images of `other` had come after one's own."""
        self._images += other._images
        self._coco = None

    def __getstate__(self) -> dict[str, Any]:
        """What was counted; without `decode`, which belongs to a task."""
        return {**vars(self), "_decode": None}

    def compute(self) -> dict[str, float]:
        """Name → value, 0..1. InputError if no image was counted."""
        return {name: value for name, value in self._values().items() if value is not None}

    def _values(self) -> dict[str, float | None]:
        self._evaluate()
        assert self._coco is not None
        return self._coco.summary() | {"voc-map-50": mean_of_defined([own.average_precision() for own in self._voc])}

    def details(self) -> Details:
        """Per-class table, confusion matrix and precision over recall, all at IoU 0.5. InputError if nothing counted.

        Precision, recall and F1 are those at the class's own best threshold of the score.
        """
        self._evaluate()
        assert self._coco is not None
        best = [own.at_best_f1() for own in self._voc]
        scores = tuple(
            ClassScore(name, own.boxes, *best[c][:3], self._coco.of_class(c), best[c][3])
            for c, (name, own) in enumerate(zip(self.classes, self._voc, strict=True))
        )
        points = ((name, self._coco.curve(c)) for c, name in enumerate(self.classes))
        curves = tuple(Curve(name, *(tuple(p.tolist()) for p in curve)) for name, curve in points if curve is not None)
        undefined = tuple(name for name, value in self._values().items() if value is None)
        return Details(
            classes=scores,
            confusion=confusion(self._images, self.classes),
            curves=curves,
            images=tuple(verdicts(image).score() for image in self._images),
            undefined=undefined,
            why=self._why() if undefined else "",
            basis=BASIS,
        )

    def _why(self) -> str:
        """Why some metrics have no value."""
        if any(own.boxes for own in self._voc):
            return "no true box has that size"
        found = sum(len(image.scores) for image in self._images)
        return f"none of the {len(self._images)} images has a box to find, and {found} were found"

    def _evaluate(self) -> None:
        checks.some(len(self._images))
        if self._coco is None:
            self._coco = coco.evaluate(self._images, len(self.classes))
            self._voc = voc.by_class(self._images, len(self.classes))

    def _check(self, labels: Tensor) -> None:
        if labels.numel() and int(labels.max()) >= len(self.classes):
            raise InputError(
                f"Targets hold the class index {int(labels.max())}, but the model has {len(self.classes)} classes, "
                "counted from 0. Score it on data with the classes it was trained on."
            )


def _image(rows: Tensor, boxes: Tensor, view: View | None) -> ImageBoxes:
    rows = rows[(rows[:, 4] > 0) & (rows[:, 5] >= 0)]
    boxes = boxes[boxes[:, 0] >= 0]
    corners, true_corners = rows[:, :4], boxes[:, 1:5]
    if view is not None:
        corners, true_corners = view.boxes_to_image(corners), view.boxes_to_image(true_corners)
    found, true = rows.double().numpy(), boxes.double().numpy()
    return ImageBoxes(
        corners=corners.double().numpy(),
        scores=found[:, 4].copy(),
        labels=found[:, 5].astype(np.int64),
        true_corners=true_corners.double().numpy(),
        true_labels=true[:, 0].astype(np.int64),
        ignored=true[:, 5] > 0,
        areas=true[:, 6].copy(),
    )
