"""Sharding: weights, gradients and the optimizer's state divided over the processes, with torch's FSDP2.

Rajbhandari et al. 2020, "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", stage 3. A stage of the
backbone is gathered when its forward or backward pass comes, and given up after it; what is in no stage (the head) is
needed at the end of the one and at the beginning of the other, and stays in between.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.engine.averages.average import Average, AverageConfig
from plusx.engine.network import Network
from plusx.engine.placement import Placement


@final
class Sharded(Network):
    """A twin of the task that learns, with a part of every parameter in each process.

    The task itself holds no weights meanwhile (they are on the device "meta"), but in `whole` and after `finish`.
    """

    def __init__(self, task: Task, placement: Placement) -> None:
        """Raises InputError for a network that cannot be divided."""
        _check_divisible(task)
        self._whole, self._device = task, placement.device
        self._mesh = init_device_mesh(self._device.type, (dist.get_world_size(),))
        self.task = _twin(task)
        hollow(task)
        self._divide(self.task)

    def _divide(self, task: Task) -> None:
        for _, stage in task.backbone.parts():
            if any(True for _ in stage.parameters()):
                fully_shard(stage, mesh=self._mesh)
        fully_shard(task, mesh=self._mesh)
        assert isinstance(task, FSDPModule)
        task.set_reduce_scatter_unused_params(True)  # a slice may have no box, and its head then no gradient

    def losses(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return self.task(images, targets)

    @contextmanager
    def held(self) -> Iterator[None]:
        assert isinstance(self.task, FSDPModule)
        self.task.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            self.task.set_requires_gradient_sync(True)

    def new_phase(self) -> None:
        """What learns is looked up at each step."""

    def average(self, config: AverageConfig) -> Average:
        made = config.begin(self.task, self._divided_twin)
        if made.reestimates:
            raise InputError(
                "--shard-model does not go together with --average swa, whose BatchNorm statistics are taken anew: "
                "leave one of them away."
            )
        return made

    def _divided_twin(self, task: Task) -> Task:
        twin = copy.deepcopy(self._whole)
        self._divide(twin)
        twin.to_empty(device=self._device)
        with torch.no_grad():
            mine, others = ([*one.parameters(), *one.buffers()] for one in (twin, task))
            for own, other in zip(mine, others, strict=True):
                own.copy_(other)
        return twin

    def suited(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        if isinstance(optimizer, torch.optim.SGD):  # torch 2.15 has no fused kernel of it for divided parameters
            for group in optimizer.param_groups:
                group |= {"fused": False, "foreach": True}
        return optimizer

    @contextmanager
    def whole(self, task: Task) -> Iterator[Task]:
        self._fill(task)
        try:
            yield self._whole
        finally:
            hollow(self._whole)

    def finish(self, judged: Task, best: Mapping[str, Any] | None) -> None:
        self._fill(judged)
        if best is not None:
            self._whole.load_state_dict(best)

    def _fill(self, task: Task) -> None:
        self._whole.load_state_dict(_whole_of(task.state_dict(), self._device, keep=True), assign=True)

    def gathered(self, state: dict[str, Any], keep: bool) -> dict[str, Any]:
        return _whole_of(state, torch.device("cpu"), keep)

    def load(self, task: Task, weights: Mapping[str, Any]) -> None:
        own = task.state_dict()
        task.load_state_dict({name: _part(full, own.get(name)) for name, full in weights.items()})

    def load_optimizer(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        parts = {
            number: {name: _part(value, parameters[number]) for name, value in inner.items()}
            for number, inner in state["state"].items()
        }
        optimizer.load_state_dict({**state, "state": parts})


def hollow(task: nn.Module) -> None:
    """Gives up the memory of all parameters; they keep their shapes. Buffers stay."""
    for module in task.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad))


def bytes_held(values: Any) -> int:
    """Of all tensors inside, as far as they are in this process."""
    if isinstance(values, Tensor):
        own = values.to_local() if isinstance(values, DTensor) else values
        return own.numel() * own.element_size()
    inner = values.values() if isinstance(values, Mapping) else values if isinstance(values, list | tuple) else ()
    return sum(map(bytes_held, inner))


def _twin(task: Task) -> Task:
    """A copy with the very parameters of `task`."""
    return copy.deepcopy(task, {id(parameter): parameter for parameter in task.parameters()})


def _check_divisible(task: Task) -> None:
    single = [name for name, parameter in task.named_parameters() if parameter.ndim == 0]
    if single:
        raise InputError(
            f"This network has parameters that are single numbers ({', '.join(single[:3])}), which cannot be divided. "
            "Leave --shard-model away."
        )


def _whole_of(values: Any, device: torch.device, keep: bool) -> Any:
    """Nested values with copies of whole tensors on `device`; without `keep` with None in their place.

    All processes have to ask for it together: one tensor after the other is gathered.
    """
    if isinstance(values, Tensor):
        whole = values.detach()
        whole = whole.full_tensor() if isinstance(whole, DTensor) else whole
        return whole.to(device, copy=True) if keep else None
    if isinstance(values, dict):
        return {key: _whole_of(inner, device, keep) for key, inner in values.items()}
    if isinstance(values, list):
        return [_whole_of(inner, device, keep) for inner in values]
    return values


def _part(full: Any, like: Any) -> Any:
    """What of `full` this process holds, where `like` is divided and of the same shape."""
    if not (isinstance(full, Tensor) and isinstance(like, DTensor) and full.shape == like.shape):
        return full
    whole = full.to(like.device)
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)
