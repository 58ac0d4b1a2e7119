"""LP-FT: linear probing, then fine-tuning.

Kumar, Raghunathan, Jones, Ma and Liang 2022, "Fine-Tuning can Distort Pretrained Features and Underperform
Out-of-Distribution", arXiv 2202.10054: while the head is still wrong, gradients bend the features for the training
images alone; a head that has been trained to its end on features that stay leaves little to bend. So the probe is no
short beginning but a training of its own, whose rate falls to 0. That each of both gets half of the epochs is ours.
"""

from collections.abc import Sequence

from torch import nn

from plusx.adapt.head_first import head_first
from plusx.engine.schedules.cosine import Cosine

PROBING = Cosine(warmup=0.1)
"""The rate of the probe: a rise for the new head, then half a cosine to 0."""


def probe_epochs(epochs: int) -> int:
    """Of all `epochs`, those of the probe: half, at least one."""
    return max(1, epochs // 2)


def lp_ft(model: nn.Module, epoch: int, epochs: int, *, stages: Sequence[nn.Module] | None = None) -> int:
    """Call it before each `epoch` (from 0) of `epochs`: in the first half the head alone learns, then all does.

    stages: see `stages_of`. Returns how many of them learn. The rate goes by `lp_ft_factor`.
    """
    return head_first(model, epoch, head_epochs=probe_epochs(epochs), stages=stages)


def lp_ft_factor(step: int, steps_per_epoch: int, epochs: int) -> float:
    """What the rate is multiplied by at `step` (from 0) of the whole run: both phases rise and fall to 0 by themselves.

    The fine-tuning's own rate should be small beside the probe's: give its parameters less, as `layer_decay` does.
    """
    probing = probe_epochs(epochs) * steps_per_epoch
    if step < probing:
        return PROBING.factor(step, probing, steps_per_epoch)
    return PROBING.factor(step - probing, epochs * steps_per_epoch - probing, steps_per_epoch)
