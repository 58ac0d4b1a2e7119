"""Lookahead: k steps forward, 1 step back (Zhang et al. 2019, arXiv 1907.08610, algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from plusx.core.errors import InputError
from plusx.engine.optimizers.optimizer import check_range


@dataclass(frozen=True)
class Lookahead:
    """After each k steps of any optimizer on θ: φ ← φ + α·(θ − φ); θ ← φ. φ are the slow weights, at first θ's own.

    The inner optimizer's state goes on. The defaults are the paper's for ImageNet (section 5). Between two such steps
    it is the fast weights that are judged.
    """

    k: int = 5
    alpha: float = 0.5

    def __post_init__(self) -> None:
        check_range("Lookahead.k", self.k, 1, float("inf"))
        if not 0 < self.alpha <= 1:
            raise InputError(f"Lookahead.alpha is {self.alpha}; it has to be above 0 and at most 1")

    def wrap(self, optimizer: Optimizer) -> Optimizer:
        """`optimizer`, which has made no step yet, with slow weights in its state."""
        return LookaheadOptimizer(optimizer, self)


@final
class LookaheadOptimizer(Optimizer):
    """Shares groups and state with `inner`: φ is the entry "slow" of a parameter, the steps so far are in its group."""

    def __init__(self, inner: Optimizer, config: Lookahead) -> None:
        super().__init__([{"params": [torch.zeros(1)]}], {})  # torch's own attributes; both lists are replaced
        self._inner, self._config = inner, config
        self._share()
        for group in self.param_groups:
            group["lookahead_step"] = 0

    def _share(self) -> None:
        self.param_groups, self.state = self._inner.param_groups, self._inner.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[bad-override]
        """closure: torch's signature; it is not called."""
        assert closure is None, "the loop computes gradients itself"
        fresh = {
            weight: weight.detach().clone()
            for weight in self._learning()
            if "slow" not in self.state.get(weight, {})  # an inner state that is not empty would count as begun
        }
        self._inner.step()
        for weight, slow in fresh.items():
            self.state[weight]["slow"] = slow
        for group in self.param_groups:
            group["lookahead_step"] += 1
            if group["lookahead_step"] % self._config.k == 0:
                self._back([weight for weight in group["params"] if weight.grad is not None])

    def _back(self, weights: list[Tensor]) -> None:
        if weights:
            slow = [self.state[weight]["slow"] for weight in weights]
            torch._foreach_lerp_(slow, weights, self._config.alpha)
            torch._foreach_copy_(weights, slow)

    def _learning(self) -> list[Tensor]:
        return [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]

    def state_dict(self) -> dict[str, Any]:
        return self._inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._inner.load_state_dict(state_dict)
        self._share()
