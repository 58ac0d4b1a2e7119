"""The first stages of a backbone that stay as they are: what comes out of them is computed once and kept.

A stage that does not learn is in eval mode, and so are all before it: its maps of a picture are the same in every
epoch. Where only the head learns and it begins with a mean over all places, that mean is all that is kept.
"""

import hashlib
from collections import Counter

import torch
from torch import Tensor

from plusx.core.batch import Batch
from plusx.core.memory import is_out_of_memory
from plusx.core.task import Task
from plusx.engine import memory, modes
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.nn.heads import PooledLinear

FORM = 1
"""Of what is kept; another one where the same key would mean something else."""

AT_ONCE = 64
"""Images that go through the stages together, at most."""


class Prefix:
    """Of `task` in the epoch under way. `stages`: how many stay as they are and are worth keeping; 0: none."""

    def __init__(self, task: Task, plan: Plan, placement: Placement) -> None:
        self.task, self.placement = task, placement
        self._kept = kept_stages(plan, len(task.backbone.stages))
        self.stages = 0
        self._at_once = AT_ONCE
        self.key = ""  # of what these stages are

    def begin(self, epoch: int) -> None:
        """`epoch` (from 0) is the one under way; the task has the weights with which it begins."""
        stages = self._kept[epoch]
        if stages != self.stages:
            self.stages = stages
            self.key = "" if stages == 0 else weights_key(self.task, stages)

    @torch.no_grad()
    def maps(self, batch: Batch) -> Tensor:
        """Of a prepared batch on the task's device; float16."""
        backbone = self.task.backbone
        with modes.preserved_modes(backbone):
            backbone.eval()
            while True:
                try:
                    with self.placement.autocast():  # which refuses float16 where it computes in bfloat16
                        found = [backbone.through(self.stages, part.images) for part in batch.parts(self._at_once)]
                    return torch.cat([shrunk(self.task, self.stages, maps) for maps in found])
                except Exception as error:
                    if not is_out_of_memory(error) or self._at_once == 1:
                        raise
                self._at_once = max(1, min(self._at_once, len(batch)) // 2)
                memory.release(self.placement.device)


def kept_stages(plan: Plan, stages: int) -> list[int]:
    """For each epoch, how many of the first `stages` stay as they are in it and in one more at least; else 0."""
    still = [stages - plan.learning_stages(epoch, stages) for epoch in range(plan.epochs)]
    epochs = Counter(still)
    return [count if epochs[count] > 1 else 0 for count in still]


def shrunk(task: Task, stages: int, maps: Tensor) -> Tensor:
    """What the rest of the task needs of the maps of the last of `stages`; float16."""
    if stages == len(task.backbone.stages) and isinstance(task.head, PooledLinear):
        maps = maps.float().mean(dim=(2, 3), keepdim=True)
    return maps.half()


@torch.no_grad()
def kept_shape(task: Task, stages: int, picture: tuple[int, int, int]) -> tuple[int, ...]:
    """Of what is kept of one picture (channels, height, width) after so many stages."""
    device = next(task.backbone.parameters()).device
    with modes.preserved_modes(task.backbone):
        task.backbone.eval()
        maps = task.backbone.through(stages, torch.zeros(1, *picture, device=device))
        return tuple(shrunk(task, stages, maps).shape[1:])


def weights_key(task: Task, stages: int) -> str:
    """Of the first `stages`: all values, how their modules are built, and the torch that computes with them."""
    found = hashlib.sha256(f"{FORM} {torch.__version__} {stages}".encode())
    for name, part in task.backbone.parts()[:stages]:
        found.update(repr(part).encode())
        for key, value in part.state_dict().items():
            plain = value.detach().cpu().contiguous()
            found.update(f"{name}.{key} {plain.dtype} {tuple(plain.shape)}".encode())
            found.update(plain.reshape(-1).view(torch.uint8).numpy().data if plain.numel() else b"")
    return found.hexdigest()
