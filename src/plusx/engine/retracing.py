"""Retracing: a step that was not finite is computed again, to see which layer and which samples it was."""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from plusx.core.batch import Batch
from plusx.core.task import Task
from plusx.engine import modes
from plusx.engine.evidence import Evidence
from plusx.engine.placement import Placement
from plusx.engine.rollback import set_random_states


@dataclass(frozen=True)
class Layer:
    """The first module whose answer was not finite. `name` is empty where it was the loss itself.

    `samples`: of the batch, those whose part of the answer it was; all where the answer has no parts. `reached`: the
    largest size of a number that went in, NaN where that was not finite either.
    """

    name: str
    kind: str
    samples: tuple[str, ...]
    reached: float


@dataclass(frozen=True)
class Pass:
    """Forward and backward once more. `gradients`: names of parameters whose gradients were not finite, where losses
    were."""

    losses: Mapping[str, float]
    layer: Layer | None
    gradients: tuple[str, ...]

    @property
    def finite(self) -> bool:
        return all(map(math.isfinite, self.losses.values())) and not self.gradients and self.layer is None


@dataclass(frozen=True)
class Alone:
    """A sample by itself, in eval mode: its losses, and the least and the largest number of its target."""

    name: str
    losses: Mapping[str, float]
    target: tuple[float, float] | None

    @property
    def finite(self) -> bool:
        return all(map(math.isfinite, self.losses.values()))

    @property
    def total(self) -> float:
        return sum(self.losses.values())


@dataclass
class _Watch:
    """Looks at every answer inside the task until one is not finite."""

    names: Mapping[nn.Module, str]
    batch: Batch
    found: Layer | None = field(default=None)

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if self.found is not None or all(tensor.isfinite().all() for tensor in _numbers(output)):
            return
        sizes = [tensor.detach().abs().max().item() for tensor in _numbers(inputs) if tensor.numel()]
        reached = max(sizes, key=lambda size: (math.isnan(size), size), default=0.0)
        self.found = Layer(self.names[module], type(module).__name__, self._samples(output), reached)

    def _samples(self, output: Any) -> tuple[str, ...]:
        bad = torch.zeros(len(self.batch), dtype=torch.bool)
        for tensor in _numbers(output):
            if tensor.ndim == 0 or len(tensor) != len(self.batch):
                return self.batch.names
            bad |= ~tensor.detach().flatten(1).isfinite().all(1).cpu() if tensor.ndim > 1 else ~tensor.isfinite().cpu()
        return tuple(name for name, wrong in zip(self.batch.names, bad.tolist(), strict=True) if wrong)


def passed(task: Task, evidence: Evidence, number: int, placement: Placement) -> Pass:
    """The batch `number` of the evidence through the task in training, as it was there but for the placement.

    The task, with the weights of the evidence, is left with statistics that have moved.
    """
    batch, position, random = evidence.batches[number]
    learning = [parameter for parameter in task.parameters() if parameter.requires_grad]
    stages = evidence.plan.learning_stages(position.epoch, len(task.backbone.stages))
    modes.set_phase(task, learning, stages=stages, frozen_norm=evidence.plan.frozen_norm)
    set_random_states(random, placement.device)
    losses: dict[str, float] = {}
    layer: Layer | None = None
    norms = modes.batch_norms(task)
    for part in batch.parts(evidence.micro_batch or len(batch)):
        moved = part.to(placement.device, placement.memory_format)
        with ExitStack() as stack:
            if len(part) == 1:
                stack.enter_context(modes.running_statistics(norms))
            values, found = _watched(task, moved, placement)
        layer = layer or found
        for name, value in values.items():
            losses[name] = losses.get(name, 0.0) + value * len(part) / len(batch)
    gradients = _wrong_gradients(task) if layer is None else ()
    task.zero_grad(set_to_none=True)
    return Pass(losses, layer, gradients)


def _watched(task: Task, batch: Batch, placement: Placement) -> tuple[dict[str, float], Layer | None]:
    names = {module: name for name, module in task.named_modules()}
    watch = _Watch(names, batch)
    handles = [module.register_forward_hook(watch) for module in names]
    try:
        with placement.autocast(), task.backbone.after(batch.stages):
            assert batch.targets is not None
            losses = task(batch.images, batch.targets)
    finally:
        for handle in handles:
            handle.remove()
    torch.stack([*losses.values()]).sum().backward()
    return {name: loss.item() for name, loss in losses.items()}, watch.found


def _wrong_gradients(task: Task) -> tuple[str, ...]:
    gradients = {name: parameter.grad for name, parameter in task.named_parameters()}
    return tuple(name for name, gradient in gradients.items() if gradient is not None and not _is_finite(gradient))


@torch.no_grad()
def alone(task: Task, evidence: Evidence, number: int, device: torch.device) -> list[Alone]:
    """Every sample of the batch `number` by itself, in 32 bits; those that are not finite, then the largest, first."""
    batch, _, _ = evidence.batches[number]
    found = []
    with modes.preserved_modes(task), task.backbone.after(batch.stages):
        task.eval()
        for one in batch.parts(1):
            moved = one.to(device)
            assert moved.targets is not None
            losses = {name: loss.item() for name, loss in task(moved.images, moved.targets).items()}
            found.append(Alone(one.names[0], losses, _range(one.targets)))
    return sorted(found, key=lambda sample: (sample.finite, -sample.total if sample.finite else 0.0))


def wrong_weights(weights: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Names of the weights and statistics that are not finite."""
    return tuple(name for name, tensor in weights.items() if tensor.is_floating_point() and not _is_finite(tensor))


def largest_weight(weights: Mapping[str, Tensor]) -> tuple[str, float]:
    """Name and size of the largest finite number in the weights and statistics."""
    sizes = {
        name: tensor.abs().nan_to_num(0.0, 0.0, 0.0).max().item()
        for name, tensor in weights.items()
        if tensor.is_floating_point() and tensor.numel()
    }
    name = max(sizes, key=lambda one: sizes[one])
    return name, sizes[name]


def _range(targets: Tensor | None) -> tuple[float, float] | None:
    if targets is None or targets.numel() == 0:
        return None
    return targets.min().item(), targets.max().item()


def _is_finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())


def _numbers(value: Any) -> Iterator[Tensor]:
    """Every tensor of floating-point numbers inside."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
        return
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from _numbers(inner)
