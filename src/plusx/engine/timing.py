"""How fast a task trains in a given way, in a few steps on a copy of it."""

import copy
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from plusx.core.errors import InputError
from plusx.core.memory import is_out_of_memory
from plusx.core.task import Task
from plusx.engine import modes
from plusx.engine.placement import Placement, place, tuned

SECONDS = 5.0  # for the rounds; with the trial and the warming up before them, all is over in less than twice that
STEPS = 25  # in these seconds: what is aimed at
LEAST, MOST = 3, 5  # rounds: with fewer than LEAST nothing is concluded


@dataclass(frozen=True)
class Speed:
    """Images/s of training steps: of the median and of the fastest one. Both 0 where memory does not suffice."""

    typical: float
    best: float


class Stopwatch:
    """Times training steps on random images of `size` (height, width); `batch_size` is what a step will have.

    On a CPU fewer images are taken where of that many no STEPS steps would fit into `seconds`, which all rounds
    together have.
    """

    def __init__(self, task: Task, size: tuple[int, int], batch_size: int) -> None:
        self._task = task
        self._shape = (input_channels(task), *size)
        self.batch_size = batch_size
        self.seconds = SECONDS
        self._seconds_an_image: float | None = None

    def seconds_an_image(self, plainest: Placement) -> float:
        """What a step takes an image, on a CPU with one image, elsewhere with a batch; infinite without enough memory.

        The first step, which is no measure of the others, counts where it is hopelessly slow: a second one would be no
        quicker to wait for.
        """
        if self._seconds_an_image is None:
            count = 1 if plainest.device.type == "cpu" else self.batch_size
            warmed = self._warm(plainest, count)
            self._seconds_an_image = math.inf
            if warmed is not None:
                step, first = warmed
                self._seconds_an_image = (first if first >= self.seconds / 4 else step.seconds()) / count
        return self._seconds_an_image

    def speeds(self, ways: Sequence[Placement]) -> dict[Placement, Speed]:
        """Of forward and backward; the less important of `ways` come last, and are left out where a step is slow.

        Measured in rounds of one step a way, so that whatever else the machine does meets all of them. Empty where
        that would take longer than `seconds`.
        """
        step_seconds = self._fit_batch(ways[0])
        affordable = len(ways) if step_seconds == 0 else int(self.seconds / (LEAST * step_seconds))
        if affordable < min(2, len(ways)):
            return {}
        warmed = {way: self._warm(way, self.batch_size) for way in ways[:affordable]}
        running = {way: found[0] for way, found in warmed.items() if found is not None}
        rounds = _rounds(running, self.seconds)
        if running and len(rounds) < LEAST:
            return {}
        return {way: self._speed([turn[way] for turn in rounds]) if way in running else Speed(0, 0) for way in warmed}

    def _fit_batch(self, plainest: Placement) -> float:
        """Settles how many images the measured steps have on a CPU; returns what a step then takes, in seconds.

        0 on other devices, where a step is quick.
        """
        if plainest.device.type != "cpu":
            return 0.0
        seconds = self.seconds_an_image(plainest)
        self.batch_size = min(self.batch_size, max(2, int(self.seconds / (STEPS * seconds))))
        return seconds * self.batch_size

    def _speed(self, seconds: Sequence[float]) -> Speed:
        return Speed(self.batch_size / statistics.median(seconds), self.batch_size / min(seconds))

    def _warm(self, way: Placement, count: int) -> "tuple[_Step, float] | None":
        """A step of `count` images, and what it took the first time; None where memory does not suffice."""
        try:
            step = _Step(self._task, way, self._images(count))
            return step, step.seconds()
        except Exception as error:
            if is_out_of_memory(error):
                return None
            raise

    def _images(self, count: int) -> Tensor:
        return torch.rand((count, *self._shape), generator=torch.Generator().manual_seed(0))


def _rounds(steps: "dict[Placement, _Step]", limit: float) -> list[dict[Placement, float]]:
    """Seconds a way, round by round; a round that does not end in time is left out."""
    deadline = time.perf_counter() + limit
    rounds: list[dict[Placement, float]] = []
    while len(rounds) < MOST:
        turn: dict[Placement, float] = {}
        for way, step in steps.items():
            if time.perf_counter() > deadline:
                return rounds
            turn[way] = step.seconds()
        rounds.append(turn)
    return rounds


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
        with tuned(self._placement):
            with self._placement.autocast():
                outputs = self._forward(self._images)
            loss = outputs.float().square().mean()
            if loss.requires_grad:
                loss.backward()
            self._wait()
        seconds = time.perf_counter() - began
        self._copy.zero_grad(set_to_none=True)  # the other copies need the memory
        return seconds

    def _wait(self) -> None:
        if self._placement.device.type != "cpu":
            torch.accelerator.synchronize(self._placement.device)


def input_channels(task: Task) -> int:
    """What the backbone's first convolution takes."""
    for module in task.backbone.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    raise InputError("The backbone has no convolution: choose precision and memory format by hand.")
