"""Detections out of candidates that stand for different objects each: the best are taken, nothing is suppressed."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def best(candidates: Tensor, detections: int, least: float) -> Tensor:
    """(B, K, 6), best first -> (B, detections, 6); rows are as those of `nms.suppressed`, the empty ones too."""
    rows = pad(candidates[:, :detections], (0, 0, 0, max(0, detections - candidates.shape[1])))
    empty = torch.tensor([0.0, 0, 0, 0, 0, -1], device=rows.device, dtype=rows.dtype)
    found = (rows[..., 4] >= least) & (rows[..., 4] > 0)
    return torch.where(found.unsqueeze(-1), rows, empty)
