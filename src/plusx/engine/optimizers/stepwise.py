"""What the optimizers that are written here share: which parameters take part in a step, and the state each has."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.optim import Optimizer

Tensors: TypeAlias = list[Tensor] | tuple[Tensor, ...]


class Stepwise(Optimizer, ABC):
    """A group at a time, all of its tensors at once. A parameter without a gradient stays as it is and has no state."""

    @abstractmethod
    def update(
        self, group: dict[str, Any], weights: list[Tensor], gradients: Tensors, states: list[dict[str, Any]]
    ) -> None:
        """One step on the parameters of `group` that have gradients, which stay as they are.

        states: what is kept of each between steps, as `begun` made it.
        """

    @abstractmethod
    def begun(self, group: dict[str, Any], weight: Tensor) -> dict[str, Any]:
        """The state before the first step."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[bad-override]
        """closure: torch's signature; it is not called."""
        assert closure is None, "the loop computes gradients itself"
        for group in self.param_groups:
            learning = [weight for weight in group["params"] if weight.grad is not None]
            for weight in learning:
                if not self.state[weight]:
                    self.state[weight] = self.begun(group, weight)
            if learning:
                self.update(
                    group, learning, [weight.grad for weight in learning], [self.state[weight] for weight in learning]
                )


def of_all(states: Sequence[dict[str, Any]], name: str) -> list[Any]:
    """The entries of that name."""
    return [state[name] for state in states]


def counted(states: Sequence[dict[str, Any]]) -> list[int]:
    """t of each: the number of its steps with this one, which is entered."""
    for state in states:
        state["step"] += 1
    return of_all(states, "step")
