"""BatchNorm over the batches of all processes: the statistics are those of one large batch.

torch's own SyncBatchNorm runs on accelerators only, and is another module; here the norms stay what they are, and only
compute differently while a run lasts. The local moments are put together as in Chan, Golub, LeVeque 1979, "Updating
formulae and a pairwise algorithm for computing sample variances": nothing cancels.
"""

import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from plusx.engine.modes import batch_norms


@contextmanager
def synchronised(module: nn.Module) -> Iterator[None]:
    """In training mode, all BatchNorms inside take the statistics over all processes meanwhile."""
    norms = batch_norms(module)
    for norm in norms:
        norm.forward = types.MethodType(_forward, norm)
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def is_synchronised(norm: nn.Module) -> bool:
    """Whether `norm` takes its statistics over all processes."""
    return "forward" in vars(norm)


def _forward(norm: _BatchNorm, input: Tensor) -> Tensor:  # noqa: A002 (nn.BatchNorm2d calls it so)
    if not norm.training:
        return type(norm).forward(norm, input)
    y, mean, variance, count = _Normalise.apply(input, norm.weight, norm.bias, norm.eps)
    if norm.running_mean is not None and norm.running_var is not None:
        momentum = 0.1 if norm.momentum is None else norm.momentum
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
            momentum = 1 / float(norm.num_batches_tracked) if norm.momentum is None else momentum
        with torch.no_grad():
            norm.running_mean.lerp_(mean.to(norm.running_mean), momentum)
            norm.running_var.lerp_((variance * (count / (count - 1).clamp(min=1))).to(norm.running_var), momentum)
    return y


class _Normalise(torch.autograd.Function):
    """y = γ (x − μ) / √(σ² + ε) + β with μ, σ² over batch, places and processes; also gives μ, σ² and the count."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        places = [0, *range(2, x.ndim)]
        wide = x.float()
        variance, mean = torch.var_mean(wide, dim=places, correction=0)
        own = torch.cat((mean, variance, mean.new_full((1,), x.numel() / x.shape[1])))
        every = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(every, own)
        mean, variance, count = _together(torch.stack(every), x.shape[1])
        shape = (1, -1, *[1] * (x.ndim - 2))
        scale = (variance + eps).rsqrt()
        normal = (wide - mean.view(shape)) * scale.view(shape)
        ctx.save_for_backward(normal, weight, scale, count)
        ctx.places, ctx.shape = places, shape
        ctx.mark_non_differentiable(mean, variance, count)
        y = torch.addcmul(bias.view(shape), normal, weight.view(shape))
        return y.to(x.dtype), mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        normal, weight, scale, count = ctx.saved_tensors
        dy = gradients[0].float()
        own = torch.stack((dy.sum(ctx.places), (dy * normal).sum(ctx.places)))
        all_told = own.clone()
        dist.all_reduce(all_told)
        shift, slope = (total.view(ctx.shape) / count for total in all_told)
        dx = (weight * scale).view(ctx.shape) * (dy - shift - normal * slope)
        return dx.to(gradients[0].dtype), own[1], own[0], None


def _together(every: Tensor, channels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance (C,) and count of all; every: (processes, 2C + 1)."""
    means, variances, counts = every[:, :channels], every[:, channels:-1], every[:, -1:]
    count = counts.sum()
    mean = (means * counts).sum(dim=0) / count
    variance = ((variances + (means - mean).square()) * counts).sum(dim=0) / count
    return mean, variance, count
