"""What becomes of batch normalisation in fine-tuning: learn on, keep, take anew, or do without.

- Learn on: nothing to do. The default; why is in docs/decisions/batch-norm-in-fine-tuning.md.
- Keep: `keep_statistics`, as detection does it since Ren et al. 2015, whose batches are too small for statistics.
- Take anew at the end: `take_statistics_anew`. Running statistics are those of the training crops and of weights that
  still moved (Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576, section 3: precise statistics).
- Do without: `to_group_norm` (Wu and He 2018, arXiv 1803.08494).
"""

from collections.abc import Iterable
from contextlib import nullcontext

from torch import Tensor, nn

from plusx.engine.averages.reestimate import reestimate
from plusx.engine.modes import batch_norms
from plusx.nn.group_norm import GROUPS, grouped


def keep_statistics(model: nn.Module) -> int:
    """BatchNorms use the statistics they have and do not move them; scale and shift still learn. Returns how many.

    Call it after each `model.train()`, which undoes it.
    """
    norms = batch_norms(model)
    for norm in norms:
        norm.eval()
    return len(norms)


def take_statistics_anew(model: nn.Module, images: Iterable[Tensor]) -> int:
    """Means and variances over batches of `images` (B, C, H, W) of the training set, shown as in evaluation.

    The plain mean over all batches, in their order; at most 10,000 images. Returns how many were looked at. Modes stay.
    """
    return reestimate(model, batch_norms(model), images, nullcontext())


def to_group_norm(model: nn.Module, groups: int = GROUPS) -> int:
    """Every BatchNorm becomes a GroupNorm with its scale, shift and epsilon; returns how many. Train it further: the
    network answers otherwise now. An optimizer made before holds the old scales and shifts."""
    return grouped(model, groups)
