"""What was found in an image and what is there, as the metrics of detection count it."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from plusx.nn.detection.boxes import pairwise_iou

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ImageBoxes:
    """One image: D detections and M true boxes, corners (…, 4) in pixels of the original image.

    ignored: true boxes that are neither asked for nor counted as wrong. areas: of the true objects, square pixels.
    """

    corners: Floats
    scores: Floats
    labels: Integers
    true_corners: Floats
    true_labels: Integers
    ignored: Bools
    areas: Floats

    def overlaps(self) -> Floats:
        """IoU of every detection with every true box, (D, M)."""
        return pairwise_iou(torch.from_numpy(self.corners), torch.from_numpy(self.true_corners)).numpy()

    def by_score(self) -> Integers:
        """The detections, best first; of equal scores the earlier one."""
        return np.argsort(-self.scores, kind="stable")
