"""Norms of weights, gradients and steps, stage by stage: what the rate does to the network."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, final

import torch
from torch import Tensor, nn

from plusx.core.task import Task

LEAST_APART: Final = 5
MOST_APART: Final = 50
ABOUT: Final = 40
"""Steps of a run that are measured, where that leaves them so far apart."""


def sampled(step: int, steps: int) -> bool:
    """Whether `step` (from 1) of a run of `steps` is measured: the first, and about 40 more or every fiftieth."""
    return step == 1 or step % min(MOST_APART, max(LEAST_APART, steps // ABOUT)) == 0


def never(step: int, steps: int) -> bool:
    """No step is measured."""
    return False


@final
class StageNorms:
    """Over the weights of a stage with more than one dimension, which are its convolutions and linear layers.

    `values`, of the step measured last, for each stage that learned in it: "weight/STAGE" = ‖w‖ before the step,
    "gradient/STAGE" = ‖g‖ as the optimizer gets it, "update/STAGE" = ‖Δw‖ / ‖w‖, the effective learning rate, and
    "silent/STAGE", the share (0..1) of output channels whose gradient is exactly 0. Stages are those of
    `Backbone.parts()`; the rest of the task is "head".
    """

    def __init__(self, task: Task) -> None:
        names = {id(p): name for name, module in task.backbone.parts() for p in module.parameters()}
        self._stages: dict[str, list[nn.Parameter]] = {}
        for parameter in task.parameters():
            if parameter.ndim > 1:
                self._stages.setdefault(names.get(id(parameter), "head"), []).append(parameter)
        self.values: Mapping[str, float] = {}

    @contextmanager
    def around(self, scale: float) -> Iterator[None]:
        """Measures the update inside. scale: what the gradients are multiplied by."""
        learning = {
            name: some for name, found in self._stages.items() if (some := [p for p in found if p.grad is not None])
        }
        before = {name: [p.detach().clone() for p in some] for name, some in learning.items()}
        gradients = {name: _gradient(some) for name, some in learning.items()}
        yield
        found: dict[str, Tensor] = {}
        for name, some in learning.items():
            weight = _norm(before[name])
            torch._foreach_sub_(before[name], [p.detach() for p in some])
            norm, silent = gradients[name]
            found |= {f"weight/{name}": weight, f"gradient/{name}": norm / scale}
            found |= {f"update/{name}": _norm(before[name]) / weight, f"silent/{name}": silent}
        numbers = torch.stack([*found.values()]).tolist() if found else []
        self.values = dict(zip(found, numbers, strict=True))


def _norm(tensors: list[Tensor]) -> Tensor:
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))


def _gradient(parameters: list[nn.Parameter]) -> tuple[Tensor, Tensor]:
    """The norm of all gradients, and the share of output channels without any."""
    rows = torch.cat([torch.linalg.vector_norm(p.grad, dim=tuple(range(1, p.ndim))) for p in parameters])
    return torch.linalg.vector_norm(rows), (rows == 0).float().mean()
