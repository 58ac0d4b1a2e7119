"""What happens to gradients between the backward pass and the optimizer, in this order."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import nn

from plusx.core.task import Task
from plusx.engine.anchor import Anchored
from plusx.engine.gradients.adaptive_clip import adaptive_clip
from plusx.engine.gradients.centralise import centralise
from plusx.engine.groups import decayed
from plusx.engine.plan import Plan


@final
class Rules:
    """The pull of the anchor, which is part of the loss; centralisation; clipping of units; clipping of the whole."""

    def __init__(self, plan: Plan, task: Task) -> None:
        self._plan, self._task = plan, task
        self._anchored = None if plan.anchor is None else Anchored(plan.anchor, task, decayed(task, plan.decays))
        self._none = plan.clip is None and plan.adaptive_clip is None and not plan.centralise and plan.anchor is None

    def apply(
        self, learning: Sequence[nn.Parameter], scaler: torch.amp.GradScaler, optimizer: torch.optim.Optimizer
    ) -> None:
        """To the gradients of `learning`, which are no longer scaled afterwards where there is any rule."""
        if self._none:
            return
        scaler.unscale_(optimizer)
        if self._anchored is not None:
            self._anchored.pull()
        if self._plan.centralise:
            centralise(learning)
        if self._plan.adaptive_clip is not None:
            adaptive_clip(self._task.backbone.parameters(), self._plan.adaptive_clip)
        if self._plan.clip is not None:
            nn.utils.clip_grad_norm_(learning, self._plan.clip)

    def scale_left(self, scaler: torch.amp.GradScaler) -> float:
        """What gradients are still multiplied by after `apply`."""
        return scaler.get_scale() if self._none else 1.0

    def state_dict(self) -> dict[str, Any] | None:
        """What has to be in a checkpoint."""
        return None if self._anchored is None else self._anchored.state_dict()

    def load_state_dict(self, state: Mapping[str, Any] | None) -> None:
        if self._anchored is not None:
            assert state is not None, "the plans agree"
            self._anchored.load_state_dict(state)
