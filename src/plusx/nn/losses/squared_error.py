"""Squared error of values, in 32 bits whatever the precision of the network."""

import torch.nn.functional as F
from torch import Tensor


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """(output − target)², averaged over images and columns. Both B, K."""
    return F.mse_loss(outputs.float(), targets.float())
