"""What every metric asks of the outputs and targets it counts."""

from torch import Tensor

from plusx.core.errors import InputError, NonFiniteOutputError


def finite(outputs: Tensor) -> Tensor:
    """The outputs in 32 bits on the CPU. NonFiniteOutputError if any is NaN or infinite."""
    outputs = outputs.detach().float().cpu()
    only_finite(outputs)
    return outputs


def only_finite(outputs: Tensor) -> None:
    """NonFiniteOutputError if any of the outputs (B, …) is NaN or infinite."""
    broken = int((~outputs.isfinite()).flatten(1).any(dim=1).sum())
    if broken:
        raise NonFiniteOutputError(
            f"The model answers NaN or infinity for {broken} of {len(outputs)} images; finite outputs are needed to "
            "score it. Training has diverged or the weights are damaged: use an earlier checkpoint, or train with a "
            "lower rate."
        )


def some(images: int) -> None:
    """InputError if nothing has been counted."""
    if images == 0:
        raise InputError("Nothing to score: no image with a target was found. Give a data set that has labels.")
