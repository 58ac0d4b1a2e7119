"""Phases of a training: how many stages of a backbone learn, as a function of the epoch alone.

Nothing has to be remembered, so that a run that goes on is in the phase in which it would have been.
"""


def learning_stages(epoch: int, stages: int, frozen_epochs: int, gradual: int = 0) -> int:
    """How many of `stages` learn in `epoch` (from 0), counted from the head.

    None in the first `frozen_epochs`; then all, or with `gradual` one and every so many epochs one more.
    """
    if epoch < frozen_epochs:
        return 0
    return stages if gradual == 0 else min(stages, 1 + (epoch - frozen_epochs) // gradual)


def last_joins(stages: int, frozen_epochs: int, gradual: int = 0) -> int:
    """The epoch (from 0) from which on all `stages` learn."""
    return frozen_epochs + gradual * max(0, stages - 1) if stages else 0
