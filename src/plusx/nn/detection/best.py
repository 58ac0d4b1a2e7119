"""Detections out of candidates that stand for different objects each: the best are taken, nothing is suppressed."""

from torch import Tensor

from plusx.nn.detection.nms import counted, filled


def best(candidates: Tensor, detections: int, least: float) -> Tensor:
    """(B, K, 6), best first -> (B, detections, 6); rows are as those of `nms.suppressed`, the empty ones too."""
    rows = candidates[:, :detections]
    return filled(rows, counted(rows[..., 4], least), detections)
