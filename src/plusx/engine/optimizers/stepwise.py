"""What the optimizers that are written here share: which parameters take part in a step, and the state each has."""

import math
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


def moments(
    states: Sequence[dict[str, Any]], gradients: Tensors, betas: tuple[float, float], eps: float
) -> tuple[Tensors, list[float], Tensors]:
    """m, what it is to be divided by, and √v̂ + ε, after one more step of Adam (Kingma and Ba 2015, algorithm 1)."""
    beta1, beta2 = betas
    t, m, v = counted(states), of_all(states, "m"), of_all(states, "v")
    torch._foreach_lerp_(m, gradients, 1 - beta1)
    torch._foreach_mul_(v, beta2)
    torch._foreach_addcmul_(v, gradients, gradients, 1 - beta2)
    roots = torch._foreach_sqrt(v)
    torch._foreach_div_(roots, [math.sqrt(1 - beta2**steps) for steps in t])
    torch._foreach_add_(roots, eps)
    return m, [1 - beta1**steps for steps in t], roots
