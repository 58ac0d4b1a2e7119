"""What is done and said when memory runs out in the middle of a run."""

import gc

import torch

from plusx.core.errors import OutOfMemoryError
from plusx.core.task import Task
from plusx.engine.modes import batch_norms
from plusx.engine.position import Position

LESS = (
    "Take a smaller --image-size or --model, say --recompute (maps are computed twice instead of kept), or close other "
    "programs"
)


def release(device: torch.device) -> None:
    """Gives back what nothing holds any more, to other programs too."""
    gc.collect()
    if device.type != "cpu":
        torch.accelerator.empty_cache()


def parts_note(task: Task, batch_size: int, micro_batch: int | None, position: Position) -> str:
    """What the user should know when batches are computed in parts from `position` on."""
    text = (
        f"Memory ran out at {position} with {batch_size} images at once: batches are now computed in parts of at most "
        f"{micro_batch}, whose gradients are added up to the step of the whole batch."
    )
    if any(norm.training for norm in batch_norms(task)):
        text += (
            " BatchNorm alone cannot be kept the same: it sees the statistics of a part"
            if micro_batch != 1
            else " BatchNorm alone cannot be kept the same: of single images it uses and keeps its running statistics"
        ) + " (--frozen-norm does without them)."
    if task.dense:
        text += " Losses that are means over boxes or pixels count by the images of their part."
    return text


def goes_on_note(micro_batch: int) -> str:
    """For a run that is resumed."""
    return f"Memory had run out before: batches are computed in parts of at most {micro_batch} images, as then."


def words_of(error: BaseException) -> str:
    """The first line of what an allocator said."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")


def too_little(device: torch.device, position: Position, refusal: str) -> OutOfMemoryError:
    """Single images do not fit."""
    return OutOfMemoryError(
        f"Out of memory on {device} at {position}, although single images were computed one after the other. "
        f"The step was not applied ({refusal}). {LESS}."
    )


def cut_off(position: Position) -> OutOfMemoryError:
    """The update itself did not fit, and may have been applied to some of the weights."""
    return OutOfMemoryError(
        f"Out of memory at {position} while the weights were being updated, which smaller batches do not help. "
        f"The last checkpoint is as it was. {LESS}."
    )
