"""One optimizer step: forward, backward, check, clip, update, average."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from plusx.core.batch import Batch
from plusx.core.errors import WeightsError
from plusx.core.task import Task
from plusx.engine import modes, randomness
from plusx.engine.ema import Ema
from plusx.engine.groups import parameter_groups
from plusx.engine.losses import PendingLosses, check_finite
from plusx.engine.parts import Prepare
from plusx.engine.placement import Placement, place
from plusx.engine.plan import Plan


@dataclass(frozen=True)
class Position:
    """Where a window of batches begins: counted from 0, `batch` within the epoch, `step` over the run."""

    epoch: int
    batch: int
    step: int

    def __str__(self) -> str:
        return f"step {self.step + 1} (epoch {self.epoch + 1})"


class Stepper:
    """Holds what learns: the task, its optimizer, loss scaler and average."""

    def __init__(self, task: Task, plan: Plan, placement: Placement, prepare: Prepare) -> None:
        self.task = place(task, placement)
        self.plan, self.placement, self.prepare = plan, placement, prepare
        self.learning = [parameter for parameter in task.parameters() if parameter.requires_grad]
        self.optimizer = plan.optimizer.build(parameter_groups(task, plan))
        self.scaler = torch.amp.GradScaler(placement.device.type, enabled=placement.precision == "fp16")
        self.ema = Ema(task, plan.ema) if plan.ema is not None else None
        self._norms = modes.batch_norms(task)
        self._generator = torch.Generator(placement.device)
        self._forward: Callable[..., Any] = torch.compile(task) if placement.compile else task

    @property
    def judged(self) -> Task:
        """Whose weights count: the average's where there is one."""
        return self.task if self.ema is None else self.ema.task

    def begin_epoch(self, epoch: int) -> None:
        """Sets what learns in `epoch` (from 0)."""
        frozen = epoch < self.plan.frozen_epochs
        modes.set_phase(self.task, self.learning, frozen=frozen, frozen_norm=self.plan.frozen_norm)

    def step(self, window: Sequence[Batch], position: Position, factor: float) -> dict[str, float]:
        """One step on the gradients of all batches in `window`; `factor` scales the rate.

        Every batch counts by its share of the samples, so that it is the step that one large batch would make.
        Returns the mean losses by part. Raises NonFiniteLossError before anything is updated.
        """
        samples = sum(len(batch) for batch in window)
        self.optimizer.zero_grad(set_to_none=True)
        means: dict[str, float] = {}
        for offset, batch in enumerate(window):
            share = len(batch) / samples
            place_of_batch = replace(position, batch=position.batch + offset)
            for part, value in self._backward(batch, share, place_of_batch).items():
                means[part] = means.get(part, 0.0) + share * value
        self._update(factor)
        return means

    def _backward(self, batch: Batch, share: float, position: Position) -> dict[str, float]:
        batch = batch.to(self.placement.device, self.placement.memory_format)
        seed = randomness.seed_of(self.plan.seed, position.epoch, position.batch)
        batch = self.prepare(batch, self._generator.manual_seed(seed))
        assert batch.targets is not None, "training needs targets"
        with self._norm_mode(batch), self.placement.autocast():
            losses: dict[str, Tensor] = self._forward(batch.images, batch.targets)
        pending = PendingLosses(losses)
        total = torch.stack([*losses.values()]).sum() if len(losses) > 1 else next(iter(losses.values()))
        self.scaler.scale(total if share == 1 else total * share).backward()
        values = pending.values()
        check_finite(values, self.task, batch, str(position))
        return values

    def _norm_mode(self, batch: Batch) -> AbstractContextManager[None]:
        return modes.running_statistics(self._norms) if len(batch) == 1 else nullcontext()

    def _update(self, factor: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.optimizer.rate * factor * group["scale"]
        if self.plan.clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.learning, self.plan.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.ema is not None:
            self.ema.update(self.task)

    def state_dict(self) -> dict[str, Any]:
        return {
            "task": self.task.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises WeightsError when the checkpoint holds another network."""
        try:
            self.task.load_state_dict(state["task"])
        except RuntimeError as error:
            raise WeightsError(
                f"The checkpoint holds another network than the one that is to continue: {error}"
            ) from error
        self.optimizer.load_state_dict(state["optimizer"])
        _restride(self.optimizer)
        self.scaler.load_state_dict(state["scaler"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])


def _restride(optimizer: torch.optim.Optimizer) -> None:
    """Lays the optimizer's tensors out as their parameters.

    Fused kernels read both in memory order and take no notice of strides: momentum saved under channels_last and
    loaded beside a contiguous weight would be applied to the wrong elements.
    """
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
