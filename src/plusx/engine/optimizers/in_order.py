"""torch's fused SGD and AdamW, quicker on a CPU where the channels of the weights lie last.

The fused updates of torch walk through contiguous tensors alone: of any other they make a copy, and copy it back. A
tensor whose channels lie last is contiguous once its axes are named in the order in which they lie, and an update that
treats every value by itself does not mind: ResNet-18's takes half the time. State and its names are torch's own.
"""

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch import Tensor


class _InOrder(torch.optim.Optimizer):
    """What both share: comes before an optimizer of torch among the bases, and leaves to it what is not fused here."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[bad-override]
        """closure: torch's signature."""
        if closure is not None or not all(map(_plain, self.param_groups)):
            return super().step(closure)  # type: ignore[arg-type]
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                gradients = in_order(weights, [_laid(weight, weight.grad) for weight in weights])
                self._fused(group, weights, in_order(weights, weights), gradients)
        return None

    def _fused(
        self, group: dict[str, Any], weights: list[Tensor], ordered: list[Tensor], gradients: list[Tensor]
    ) -> None:
        """The update of a group. `ordered`, `gradients`: `in_order`; `weights` are the keys of the state."""
        raise NotImplementedError


@final
class SGDInOrder(_InOrder, torch.optim.SGD):
    def _fused(
        self, group: dict[str, Any], weights: list[Tensor], ordered: list[Tensor], gradients: list[Tensor]
    ) -> None:
        buffers = [_kept(self.state[weight], "momentum_buffer", weight) for weight in weights if group["momentum"]]
        torch._fused_sgd_(
            ordered,
            gradients,
            in_order(weights, buffers) if buffers else [],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=0.0,
            nesterov=group["nesterov"],
            maximize=False,
            is_first_step=False,  # momentum times nothing, plus the gradient, is the gradient
        )


@final
class AdamWInOrder(_InOrder, torch.optim.AdamW):
    def _fused(
        self, group: dict[str, Any], weights: list[Tensor], ordered: list[Tensor], gradients: list[Tensor]
    ) -> None:
        steps = [self.state[weight].setdefault("step", torch.zeros(())) for weight in weights]
        torch._foreach_add_(steps, 1)
        torch._fused_adamw_(
            ordered,
            gradients,
            in_order(weights, [_kept(self.state[weight], "exp_avg", weight) for weight in weights]),
            in_order(weights, [_kept(self.state[weight], "exp_avg_sq", weight) for weight in weights]),
            [],
            steps,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


def in_order(weights: Sequence[Tensor], tensors: Sequence[Tensor]) -> list[Tensor]:
    """`tensors`, each of which lies as its weight does: as views that name the channels last where they lie last."""
    return [
        one.permute(0, 2, 3, 1)
        if weight.dim() == 4 and weight.is_contiguous(memory_format=torch.channels_last)
        else one
        for weight, one in zip(weights, tensors, strict=True)
    ]


def _laid(weight: Tensor, one: Tensor) -> Tensor:
    """As the weight lies: torch's kernels would pair the wrong values, their own optimizers no less."""
    return one if one.stride() == weight.stride() else torch.empty_like(weight).copy_(one)


def _plain(group: dict[str, Any]) -> bool:
    """Whether the fused update of whole tensors on a CPU is meant."""
    return bool(group["fused"]) and all(
        weight.device.type == "cpu" and type(weight) is torch.nn.Parameter for weight in group["params"]
    )


def _kept(state: dict[str, Any], name: str, weight: Tensor) -> Tensor:
    """Of the state, zeros at first. (torch's SGD keeps None where no momentum was.)"""
    before = state.get(name)
    state[name] = torch.zeros_like(weight) if before is None else _laid(weight, before)
    return state[name]
