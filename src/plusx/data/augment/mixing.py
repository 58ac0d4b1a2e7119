"""What mixup and CutMix share: λ, the partners, and targets that can be averaged."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from plusx.core.batch import Batch
from plusx.core.sample import Kind


def draw_lambda(alpha: float, generator: torch.Generator) -> float:
    """λ ~ Beta(α, α), from 0 to 1."""
    return float(draw_numpy(generator).beta(alpha, alpha))


def draw_numpy(generator: torch.Generator) -> np.random.Generator:
    """A numpy generator seeded by the next number of `generator`: torch's own has no Beta distribution."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return np.random.default_rng(int(seed))


def draw_partners(batch: Batch, generator: torch.Generator) -> Tensor:
    """j (B,) int64, a permutation of the batch, on its device."""
    return torch.randperm(len(batch), generator=generator, device=generator.device).to(batch.images.device)


def soft_targets(batch: Batch, kind: Kind, classes: int) -> Tensor:
    """float32 (B, classes): labels one-hot; what is already floating stays."""
    targets = batch.targets
    assert targets is not None, "mixing needs targets"
    if kind == "label" and not targets.is_floating_point():
        return F.one_hot(targets, classes).float()
    return targets
