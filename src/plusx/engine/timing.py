"""How fast a task trains in a given way, in a few steps on a copy of it."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.engine import modes
from plusx.engine.placement import Placement, place

STEP_SECONDS = 0.5  # aimed at for one measured step
SECONDS = 8.0  # after which no further way and no further round is begun; two ways and one round there always are
ROUNDS = 5


class Stopwatch:
    """Times training steps on random images of `size` (height, width); `batch_size` is what a step will have.

    On a CPU fewer images are taken where that many would take longer than STEP_SECONDS.
    """

    def __init__(self, task: Task, size: tuple[int, int], batch_size: int) -> None:
        self._task = task
        self._shape = (input_channels(task), *size)
        self.batch_size = batch_size

    def fit_batch(self, placement: Placement) -> None:
        """Settles how many images the measured steps have."""
        if placement.device.type != "cpu" or self.batch_size <= 2:
            return
        step = _Step(self._task, placement, self._images(2))
        step.seconds()
        per_image = step.seconds() / 2
        self.batch_size = max(2, min(self.batch_size, int(STEP_SECONDS / per_image)))

    def images_per_second(self, ways: Sequence[Placement]) -> dict[Placement, float]:
        """Of forward and backward, in each of `ways`; 0 where the batch does not fit into the device's memory.

        Measured in rounds of one step a way, so that whatever else the machine does meets all of them; the best counts.
        Where a step takes seconds, ways at the end of the list may be left out.
        """
        began = time.perf_counter()
        steps: dict[Placement, _Step | None] = {}
        for way in ways:
            if len(steps) < 2 or time.perf_counter() - began < SECONDS:
                steps[way] = self._warm(way)
        best = dict.fromkeys(steps, math.inf)
        for turn in range(ROUNDS):
            if turn == 0 or time.perf_counter() - began < SECONDS:
                best |= {way: min(best[way], step.seconds()) for way, step in steps.items() if step is not None}
        return {way: self.batch_size / seconds for way, seconds in best.items()}

    def _warm(self, way: Placement) -> "_Step | None":
        try:
            step = _Step(self._task, way, self._images(self.batch_size))
            step.seconds()
        except torch.OutOfMemoryError:
            return None
        return step

    def _images(self, count: int) -> Tensor:
        return torch.rand((count, *self._shape), generator=torch.Generator().manual_seed(0))


class _Step:
    def __init__(self, task: Task, placement: Placement, images: Tensor) -> None:
        self._copy = place(copy.deepcopy(task), placement)
        self._copy.train()
        if len(images) == 1:
            for norm in modes.batch_norms(self._copy):
                norm.eval()
        self._forward: Callable[..., Any] = torch.compile(self._copy) if placement.compile else self._copy
        self._placement = placement
        self._images = images.to(placement.device, memory_format=placement.memory_format)

    def seconds(self) -> float:
        """One forward and backward pass. The loss, which costs next to nothing, is a stand-in: no targets are known."""
        self._wait()
        began = time.perf_counter()
        self._copy.zero_grad(set_to_none=True)
        with self._placement.autocast():
            outputs = self._forward(self._images)
        loss = outputs.float().square().mean()
        if loss.requires_grad:
            loss.backward()
        self._wait()
        return time.perf_counter() - began

    def _wait(self) -> None:
        if self._placement.device.type != "cpu":
            torch.accelerator.synchronize(self._placement.device)


def input_channels(task: Task) -> int:
    """What the backbone's first convolution takes."""
    for module in task.backbone.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    raise InputError("The backbone has no convolution: choose precision and memory format by hand.")
