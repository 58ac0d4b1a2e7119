"""What a design costs on this machine, measured in a few real training steps on a few of the user's images."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from plusx.core.batch import Batch, Batches
from plusx.core.sample import Listing
from plusx.engine import randomness
from plusx.engine.device import candidates, find_device
from plusx.engine.pace import slowness
from plusx.engine.placement import Placement
from plusx.engine.step import Position, Stepper
from plusx.workflows.building import Design
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.loading import loading_processes, preparation, training_batches

FEW = 16  # images of a measured step, for larger batches cost as much an image on a CPU; elsewhere whole batches
STEPS = 3  # of which the first warms up
SLOW = 2.0  # seconds of the first step, with which it is the only one
FORWARD = 1 / 3  # of a training step: backward costs twice as much
BYTES_PER_SECOND = 200e6  # at which checkpoints are taken to be written
OWN_SECONDS = 0.5  # of an epoch, whatever its length: metrics, journal, the first batch


@dataclass(frozen=True)
class Costs:
    """Seconds an image, each alone: to load it for training, and to train on it. `fixed`: seconds an epoch.

    processes: that load; cores: that all have to share, 0 where training happens elsewhere.
    """

    load: float
    train: float
    fixed: float = 0.0
    processes: int = 0
    cores: int = 0
    threads: int = 1
    slowness: float = 1.0  # of the machine while it was measured

    def epoch(self, images: int, validation: int) -> float:
        """Seconds of an epoch with its validation."""
        return images * self._together(self.train) + self.measuring(validation) + self.fixed

    def measuring(self, images: int) -> float:
        """Seconds to measure on so many images."""
        return images * self._together(self.train * FORWARD)

    def _together(self, compute: float) -> float:
        """Of loading and computing at once, as far as there are processes and cores for it."""
        if self.processes == 0:
            return self.load + compute
        shared = (self.load + self.threads * compute) / self.cores if self.cores else 0.0
        return max(compute, self.load / self.processes, shared)


def probe(settings: FitSettings, listing: Listing, made: Design, placement: Placement) -> Costs:
    """Trains `made`, which is of no use afterwards, for three steps of a few images."""
    on_cpu = placement.device.type == "cpu"
    size = min(FEW, made.recipe.batch_size) if on_cpu else made.recipe.batch_size
    recipe = replace(made.recipe, batch_size=size, plan=made.recipe.plan.without_phases())
    few = listing.with_splits({"train": listing.splits["train"][: STEPS * size]})
    source = training_batches(few, made.shown, recipe, replace(settings, workers=0))
    with randomness.sheltered():
        load, batches = _loaded(source)
        stepper = Stepper(made.task, recipe.plan, placement, preparation(made.card.input, recipe))
        train = _step_seconds(stepper, batches)
    weights = sum(one.numel() * one.element_size() for one in made.task.state_dict().values())
    fixed = OWN_SECONDS + 4 * weights / BYTES_PER_SECOND  # weights, momentum, their average, the best
    cores = (os.cpu_count() or 1) if on_cpu else 0
    return Costs(load, train, fixed, loading_processes(settings.workers), cores, torch.get_num_threads(), slowness())


def _loaded(source: Batches) -> tuple[float, list[Batch]]:
    """Seconds an image, but for the first batch, which warms up; and the batches."""
    stream = source.epoch(0)
    began = time.perf_counter()
    batches = [next(stream)]
    later = time.perf_counter()
    rest = list(stream)
    if not rest:
        return (later - began) / len(batches[0]), batches
    return (time.perf_counter() - later) / sum(map(len, rest)), [*batches, *rest]


def _step_seconds(stepper: Stepper, batches: Sequence[Batch]) -> float:
    """An image's share of a step; of those after the first, which warms up, where it is not hopelessly slow."""
    stepper.begin_epoch(0)
    shares: list[float] = []
    for number in range(STEPS):
        batch = batches[number % len(batches)]
        began = time.perf_counter()
        stepper.step([batch], Position(0, number, number), factor=1e-3)
        seconds = time.perf_counter() - began
        shares.append(seconds / len(batch))
        if seconds > SLOW:
            break
    return sum(shares[1:]) / len(shares[1:]) if len(shares) > 1 else shares[0]


def probed_placements(settings: FitSettings) -> list[Placement]:
    """The plainest on a CPU, and the one that is likeliest to be the fastest, where it is another."""
    words: dict[str, Any] = {"yes": True, "no": False, "auto": "auto"}
    ways = candidates(find_device(settings.device), settings.precision, words[settings.channels_last])
    return [ways[0], *ways[1:][-1:]] if ways[0].device.type == "cpu" else ways[-1:]
