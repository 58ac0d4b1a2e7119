from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from plusx.core.errors import InputError
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.lamb import Lamb
from plusx.engine.optimizers.lion import Lion
from plusx.engine.optimizers.muon import Muon
from plusx.engine.optimizers.optimizer import OptimizerConfig
from plusx.engine.optimizers.rmsprop_tf import RMSpropTF
from plusx.engine.optimizers.sgd import SGD

Update = Callable[[Tensor, Tensor, dict[str, Tensor], int], Tensor]


def sgd(w: Tensor, g: Tensor, state: dict[str, Tensor], t: int) -> Tensor:
    """Nesterov as in torch: momentum 0.9, weight decay 0.01, rate 0.05."""
    g = g + 0.01 * w
    state["v"] = 0.9 * state["v"] + g if "v" in state else g
    return w - 0.05 * (g + 0.9 * state["v"])


def adamw(w: Tensor, g: Tensor, state: dict[str, Tensor], t: int) -> Tensor:
    """Algorithm 2 of Loshchilov and Hutter 2019, in its letters."""
    alpha, beta1, beta2, eps, decay = 0.05, 0.9, 0.99, 1e-8, 0.1
    state["m"] = beta1 * state.get("m", torch.zeros_like(w)) + (1 - beta1) * g
    state["v"] = beta2 * state.get("v", torch.zeros_like(w)) + (1 - beta2) * g**2
    m, v = state["m"] / (1 - beta1**t), state["v"] / (1 - beta2**t)
    return w - alpha * (m / (v.sqrt() + eps) + decay * w)


CASES: list[tuple[OptimizerConfig, Update]] = [
    (SGD(rate=0.05, weight_decay=0.01), sgd),
    (AdamW(rate=0.05, betas=(0.9, 0.99), weight_decay=0.1), adamw),
]


@pytest.mark.parametrize(("config", "update"), CASES)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_200_steps_equal_the_slow_reference(
    config: OptimizerConfig, update: Update, memory_format: torch.memory_format
) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 3, 3, 3, generator=generator)
    layer = nn.Conv2d(3, 4, 3, bias=False).to(memory_format=memory_format)
    with torch.no_grad():
        layer.weight.copy_(weight)
    optimizer = config.build([{"params": [layer.weight], "lr": config.rate, "weight_decay": config.weight_decay}])
    slow, state = weight.double(), dict[str, Tensor]()
    for t in range(1, 201):
        images = torch.randn(2, 3, 5, 5, generator=generator)
        optimizer.zero_grad()
        layer(images).square().mean().backward()
        assert layer.weight.grad is not None
        slow = update(slow, layer.weight.grad.double(), state, t)
        optimizer.step()
    assert torch.allclose(layer.weight.double(), slow, rtol=1e-4, atol=1e-6)


def test_without_momentum_there_is_no_nesterov() -> None:
    optimizer = SGD(momentum=0).build([{"params": [torch.zeros(2, requires_grad=True)]}])
    assert optimizer.defaults["nesterov"] is False


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match=r"SGD.rate is 0; it has to be above 0"):
        SGD(rate=0)
    with pytest.raises(InputError, match=r"SGD.rate is nan"):
        SGD(rate=float("nan"))
    with pytest.raises(InputError, match=r"SGD.momentum is 1; it has to be at least 0 and below 1"):
        SGD(momentum=1)
    with pytest.raises(InputError, match=r"AdamW.betas\[1\] is 1.5"):
        AdamW(betas=(0.9, 1.5))
    with pytest.raises(InputError, match=r"AdamW.weight_decay is -1"):
        AdamW(weight_decay=-1)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Lamb(rate=0), r"Lamb.rate is 0; it has to be above 0"),
        (lambda: Lamb(max_norm=0), r"Lamb.max_norm is 0; it has to be above 0"),
        (lambda: Lion(betas=(1.0, 0.9)), r"Lion.betas\[0\] is 1.0; it has to be at least 0 and below 1"),
        (lambda: Muon(adamw_rate=-1), r"Muon.adamw_rate is -1; it has to be above 0"),
        (lambda: Muon(momentum=1), r"Muon.momentum is 1; it has to be at least 0 and below 1"),
        (lambda: RMSpropTF(decay=1), r"RMSpropTF.decay is 1; it has to be at least 0 and below 1"),
        (lambda: RMSpropTF(eps=0), r"RMSpropTF.eps is 0; it has to be above 0"),
    ],
)
def test_settings_of_the_own_optimizers_out_of_range_are_named(make: Callable[[], OptimizerConfig], text: str) -> None:
    with pytest.raises(InputError, match=text):
        make()
