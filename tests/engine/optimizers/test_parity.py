"""200 steps of a small network, several groups, weight decay in some, a rate that changes: as the public code."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from timm.optim.lamb import Lamb as TimmLamb
from timm.optim.lion import Lion as TimmLion
from timm.optim.rmsprop_tf import RMSpropTF as TimmRMSprop
from torch import Tensor, nn
from torch.optim import Optimizer

from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.lamb import Lamb
from plusx.engine.optimizers.lion import Lion
from plusx.engine.optimizers.muon import COEFFICIENTS, Muon, orthogonal
from plusx.engine.optimizers.optimizer import OptimizerConfig
from plusx.engine.optimizers.rmsprop_tf import RMSpropTF
from plusx.engine.optimizers.sgd import SGD

Groups = list[dict[str, Any]]
Reference = Callable[[Groups], Optimizer]

CASES: dict[str, tuple[OptimizerConfig, Reference]] = {
    "sgd": (SGD(rate=0.1), lambda groups: torch.optim.SGD(groups, momentum=0.9, nesterov=True)),
    "adamw": (AdamW(rate=0.01), torch.optim.AdamW),
    "lamb": (Lamb(rate=0.02), TimmLamb),
    "lamb, clipped": (
        Lamb(rate=0.02, max_norm=0.01, trust_clip=True),
        lambda groups: TimmLamb(groups, max_grad_norm=0.01, trust_clip=True),
    ),
    "lion": (Lion(rate=1e-3), TimmLion),
    "rmsprop": (
        RMSpropTF(rate=0.01),
        lambda groups: TimmRMSprop(groups, alpha=0.9, momentum=0.9, eps=1e-3),
    ),
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3), nn.GroupNorm(2, 6), nn.Tanh(), nn.Conv2d(6, 4, 3, 2), nn.Flatten(), nn.Linear(36, 3)]
    return nn.Sequential(*layers).double()


def groups_of(parameters: Sequence[nn.Parameter], rate: float) -> Groups:
    """By the size of the tensors: decayed at the rate, decayed at half of it, and not decayed."""
    head = [parameter for parameter in parameters if parameter.ndim == 2]
    filters = [parameter for parameter in parameters if parameter.ndim == 4]
    vectors = [parameter for parameter in parameters if parameter.ndim == 1]
    return [
        {"params": head, "lr": rate, "weight_decay": 0.1, "scale": 1.0},
        {"params": filters, "lr": rate / 2, "weight_decay": 0.03, "scale": 0.5},
        {"params": vectors, "lr": rate / 2, "weight_decay": 0.0, "scale": 0.5},
    ]


def trained(
    make: Callable[[Groups], Optimizer], rate: float, memory_format: torch.memory_format = torch.contiguous_format
) -> list[Tensor]:
    """The weights after 200 steps."""
    model = network().to(memory_format=memory_format)
    optimizer = make(groups_of([*model.parameters()], rate))
    generator = torch.Generator().manual_seed(1)
    for step in range(200):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"] * (0.2 + math.cos(step / 100) ** 2)
        images = torch.randn(4, 3, 9, 9, generator=generator, dtype=torch.float64)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), images.mean((1, 2, 3)).argsort() % 3).backward()
        optimizer.step()
    return [parameter.detach().contiguous() for parameter in model.parameters()]


@pytest.mark.parametrize("case", CASES)
def test_200_steps_follow_the_public_implementation(case: str) -> None:
    config, reference = CASES[case]
    wanted = trained(reference, config.rate)
    start = [*network().parameters()]
    assert all((one - before).abs().max() > 1e-3 for one, before in zip(wanted, start, strict=True))
    for memory_format in (torch.contiguous_format, torch.channels_last):
        for own, other in zip(trained(config.build, config.rate, memory_format), wanted, strict=True):
            torch.testing.assert_close(own, other, rtol=1e-6, atol=1e-6)


def muon(groups: Groups, config: Muon) -> Optimizer:
    """All but the vectors are hidden."""
    marked = [{**group, "hidden": [weight.ndim > 1 for weight in group["params"]]} for group in groups]
    return config.build(marked)


class TwoAtOnce(torch.optim.SGD):
    """torch's Muon on flattened filters and the head, its AdamW on vectors."""

    def __init__(self, groups: Groups, config: Muon) -> None:
        super().__init__([dict(group) for group in groups], lr=config.rate)  # SGD enters its momentum into them
        self.flat = [[nn.Parameter(weight.detach().flatten(1)) for weight in group["params"]] for group in groups[:2]]
        matrices = [{**group, "params": flat} for group, flat in zip(groups[:2], self.flat, strict=True)]
        share = config.adamw_rate / config.rate
        vectors = {**groups[2], "lr": groups[2]["lr"] * share}
        self.parts = [
            torch.optim.Muon(matrices, lr=config.rate),
            torch.optim.AdamW([vectors], betas=config.adamw_betas, eps=config.adamw_eps),
        ]
        self.share = share

    def step(self, closure: Any = None) -> None:  # type: ignore[bad-override]
        first, second, vectors = self.param_groups
        for group, flat, inner in zip((first, second), self.flat, self.parts[0].param_groups, strict=True):
            inner["lr"] = group["lr"]
            for weight, matrix in zip(group["params"], flat, strict=True):
                matrix.grad = weight.grad.flatten(1)
        self.parts[1].param_groups[0]["lr"] = vectors["lr"] * self.share
        for part in self.parts:
            part.step()
        with torch.no_grad():
            for group, flat in zip((first, second), self.flat, strict=True):
                for weight, matrix in zip(group["params"], flat, strict=True):
                    weight.copy_(matrix.view(weight.shape))


def test_200_steps_of_muon_follow_torch_on_flattened_filters() -> None:
    config = Muon(rate=0.01, adamw_rate=0.004)
    wanted = trained(lambda groups: TwoAtOnce(groups, config), config.rate)
    start = [*network().parameters()]
    assert all((one - before).abs().max() > 1e-3 for one, before in zip(wanted, start, strict=True))
    for memory_format in (torch.contiguous_format, torch.channels_last):
        for own, other in zip(
            trained(lambda groups: muon(groups, config), config.rate, memory_format), wanted, strict=True
        ):
            torch.testing.assert_close(own, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 12), (12, 5), (8, 8)])
def test_newton_schulz_brings_singular_values_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    x = s / s.norm()
    a, b, c = COEFFICIENTS
    for _ in range(5):  # the same polynomial on the singular values alone
        x = a * x + b * x**3 + c * x**5
    torch.testing.assert_close(orthogonal(matrix).double(), u @ x.diag() @ v, rtol=0.05, atol=0.03)
    assert 0.6 < x.min() < x.max() < 1.25


def test_a_gradient_that_is_zero_throughout_moves_no_weight() -> None:
    for config in (Lamb(), Lion(), RMSpropTF(), Muon()):
        weight = nn.Parameter(torch.ones(3, 4))
        optimizer = config.build([{"params": [weight], "lr": 0.1, "weight_decay": 0.0, "hidden": [True]}])
        weight.grad = torch.zeros(3, 4)
        optimizer.step()
        assert torch.equal(weight, torch.ones(3, 4)), config
