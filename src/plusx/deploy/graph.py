"""What gets exported: the whole way from decoded images to the user's terms, in one module."""

import copy
from typing import final

from torch import Tensor, nn

from plusx.core.card import Input
from plusx.core.task import Task
from plusx.nn.preprocess import Preprocess


@final
class Deployed(nn.Module):
    """B, H, W, C uint8, any H and W → what `Task.decode` gives, with places in the pixels of these images."""

    def __init__(self, task: Task, input: Input) -> None:  # noqa: A002 - the card's word
        super().__init__()
        self.preprocess = Preprocess(input)
        self.task = task

    def forward(self, images: Tensor) -> Tensor:
        pixels, view = self.preprocess(images)
        return self.task.decode(self.task(pixels), view)


@final
class Scored(nn.Module):
    """As `Deployed`, for tasks that have `scores`: what it gives, and the scores it was decided by."""

    def __init__(self, deployed: Deployed) -> None:
        super().__init__()
        self.deployed = deployed

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pixels, view = self.deployed.preprocess(images)
        scores = self.deployed.task.scores(self.deployed.task(pixels), view)
        assert scores is not None
        return self.deployed.task.decode(scores), scores


def deployed_copy(task: Task, input: Input) -> Deployed:  # noqa: A002
    """A copy of `task` to export and to compare with: on the CPU, in float32 and evaluation mode."""
    return Deployed(copy.deepcopy(task).cpu().float(), input).eval().requires_grad_(False)
