"""Head first, then all: a new head learns on features that stay, before it may change them.

The usual way of transfer; fastai's `fine_tune` and Keras's guide to transfer learning have it. A new head's first
gradients are large and say little about the features.
"""

from collections.abc import Sequence

from torch import nn

from plusx.adapt.stages import set_stages, stages_of
from plusx.engine.phases import learning_stages


def head_first(model: nn.Module, epoch: int, *, head_epochs: int = 1, stages: Sequence[nn.Module] | None = None) -> int:
    """Call it before each `epoch` (from 0): in the first `head_epochs` the head alone learns, then all does.

    stages: see `stages_of`. Returns how many of them learn. Sets modes and `requires_grad` of the whole model.

        for epoch in range(10):
            head_first(model, epoch, stages=[model.conv1, model.layer1, model.layer2])
            for images, targets in batches: ...
    """
    found = stages_of(model, stages)
    learning = learning_stages(epoch, len(found), head_epochs)
    set_stages(model, found, learning)
    return learning
