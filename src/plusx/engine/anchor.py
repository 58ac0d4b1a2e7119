"""L2-SP: weights are pulled to where they started, and not to zero.

Li et al. 2018, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", arXiv 1802.01483.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from plusx.core.task import Task
from plusx.engine.optimizers.optimizer import check_range


@dataclass(frozen=True)
class Anchor:
    """Ω(w) = α/2·‖w_S − w_S⁰‖² + β/2·‖w_N‖², with α = backbone for the backbone's weights and β = head for all others.

    It is part of the loss and takes the place of the optimizer's weight decay, which is then 0; weights without decay
    have no anchor. As any L2 penalty it is in the gradient, so that AdamW divides it by √v̂ too.
    """

    backbone: float = 0.1
    head: float = 0.01

    def __post_init__(self) -> None:
        check_range("Anchor.backbone", self.backbone, 0, math.inf)
        check_range("Anchor.head", self.head, 0, math.inf)


@final
class Anchored:
    """Adds ∇Ω to the gradients. It holds w⁰, which a run that goes on has to have: `state_dict`."""

    def __init__(self, config: Anchor, task: Task, pulled: frozenset[nn.Parameter]) -> None:
        """pulled: those that weight decay would reach."""
        self._config = config
        backbone = frozenset(task.backbone.parameters())
        named = {name: parameter for name, parameter in task.named_parameters() if parameter in pulled}
        self._inner = {name: parameter for name, parameter in named.items() if parameter in backbone}
        self._outer = [parameter for parameter in named.values() if parameter not in backbone]
        self._start = {name: parameter.detach().clone() for name, parameter in self._inner.items()}

    @torch.no_grad()
    def pull(self) -> None:
        """α·(w − w⁰) and β·w, of the parameters that have gradients."""
        for name, parameter in self._inner.items():
            if parameter.grad is not None:
                parameter.grad.add_(parameter - self._start[name], alpha=self._config.backbone)
        for parameter in self._outer:
            if parameter.grad is not None:
                parameter.grad.add_(parameter, alpha=self._config.head)

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self._start)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, value in self._start.items():
            value.copy_(state[name])
