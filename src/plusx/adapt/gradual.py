"""Gradual unfreezing: first the head, then one more stage each phase, from the head on.

Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification" (ULMFiT), arXiv 1801.06146,
section 3.3: the last layer holds the least general knowledge, so it learns first; each epoch the next lower one joins,
and all that joined goes on learning.
"""

from collections.abc import Sequence

from torch import nn

from plusx.adapt.stages import set_stages, stages_of
from plusx.engine.phases import learning_stages


def gradual(
    model: nn.Module,
    epoch: int,
    *,
    head_epochs: int = 1,
    every: int = 1,
    stages: Sequence[nn.Module] | None = None,
) -> int:
    """Call it before each `epoch` (from 0): after `head_epochs` for the head alone, the last stage learns too, and
    after `every` further epochs the one before it, until all do.

    stages: see `stages_of`. Returns how many of them learn. Sets modes and `requires_grad` of the whole model.
    """
    found = stages_of(model, stages)
    learning = learning_stages(epoch, len(found), head_epochs, every)
    set_stages(model, found, learning)
    return learning
