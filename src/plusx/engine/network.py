"""What the loop calls for losses: the task itself, or one whose gradients are averaged over several processes."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, final

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from plusx.core.task import Task
from plusx.engine import randomness
from plusx.engine.averages.average import Average, AverageConfig
from plusx.engine.modes import preserved_modes
from plusx.engine.placement import Placement, place


class Network(ABC):
    """Images and targets to named losses. `task`: whose parameters learn."""

    task: Task

    @abstractmethod
    def losses(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Of the images of this process, in the task's own mode and under the caller's autocast."""

    @abstractmethod
    def held(self) -> AbstractContextManager[None]:
        """Around forward and backward: gradients are added up here, and not yet exchanged."""

    @abstractmethod
    def new_phase(self) -> None:
        """Other parameters learn from now on."""

    def average(self, config: AverageConfig) -> Average:
        """Of the weights that learn."""
        return config.begin(self.task)

    def suited(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """The same, computing in a way that these parameters allow."""
        return optimizer

    @contextmanager
    def whole(self, task: Task) -> Iterator[Task]:
        """`task`, or one with its weights, as one process alone can compute with it inside."""
        yield task

    def finish(self, judged: Task, best: Mapping[str, Any] | None) -> None:
        """The task that was given to train gets the weights `best`, or else those of `judged`."""
        self.task.load_state_dict(judged.state_dict() if best is None else best)

    def gathered(self, state: dict[str, Any], keep: bool) -> dict[str, Any]:
        """`state` with whole tensors; without `keep` this process only helps the others to have them."""
        return state

    def load(self, task: Task, weights: Mapping[str, Any]) -> None:
        """Whole weights into `task`. RuntimeError where they are another network's."""
        task.load_state_dict(weights)

    def load_optimizer(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        """Whole tensors into `optimizer`."""
        optimizer.load_state_dict(state)


@final
class Local(Network):
    """The task itself."""

    def __init__(self, task: Task, placement: Placement) -> None:
        self.task = place(task, placement)
        self._forward: Callable[..., Any] = torch.compile(task) if placement.compile else task

    def losses(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return self._forward(images, targets)

    def held(self) -> AbstractContextManager[None]:
        return nullcontext()

    def new_phase(self) -> None:
        """All gradients are computed anyway."""


@final
class Parallel(Network):
    """torch's DistributedDataParallel: gradients are exchanged while the backward pass still computes others.

    It is made anew when other parameters learn, since it waits for the gradients of those that learned when it was
    made. Parameters that are in no loss are looked for then: where there are none, no step has to.
    """

    def __init__(self, task: Task, placement: Placement, agreed: Callable[[bool], bool]) -> None:
        """agreed: whether any process says yes."""
        self.task, self._placement, self._agreed = place(task, placement), placement, agreed
        self._parallel: DistributedDataParallel | None = None
        self._forward: Callable[..., Any] | None = None

    def losses(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        if self._forward is None:
            self._make(images, targets)
        assert self._forward is not None
        return self._forward(images, targets)

    def held(self) -> AbstractContextManager[None]:
        return nullcontext() if self._parallel is None else self._parallel.no_sync()

    def new_phase(self) -> None:
        self._parallel = self._forward = None

    def _make(self, images: Tensor, targets: Tensor) -> None:
        device = self._placement.device
        self._parallel = DistributedDataParallel(
            self.task,
            device_ids=[device] if device.type == "cuda" else None,
            gradient_as_bucket_view=True,
            find_unused_parameters=self._agreed(_has_unused(self.task, images, targets)),
            **_BUFFERS_STAY,
        )
        self._forward = torch.compile(self._parallel) if self._placement.compile else self._parallel


_NEW = "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
_BUFFERS_STAY: Any = {"forward_sync_buffers" if _NEW else "broadcast_buffers": False}
"""Every process keeps its own; the first one's are handed out when they count: `Team.share_buffers`."""


def _has_unused(task: Task, images: Tensor, targets: Tensor) -> bool:
    """Whether some parameter that learns is in none of the losses. Modes, statistics and gradients stay as they are."""
    learning = [parameter for parameter in task.parameters() if parameter.requires_grad]
    with preserved_modes(task), randomness.sheltered():
        task.eval()
        total = torch.stack([*task(images[:2], targets[:2]).values()]).sum()
        gradients = torch.autograd.grad(total, learning, allow_unused=True)
    return any(gradient is None for gradient in gradients)
