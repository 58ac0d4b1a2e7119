"""What the parity tests of MobileNets share: one step of training, beside another library's."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from plusx.core.task import Task

Gaps = Callable[[Task, nn.Module], dict[str, float]]


def _gap(found: Tensor | None, expected: Tensor | None) -> float:
    assert found is not None
    assert expected is not None
    return float((found.detach() - expected.detach()).abs().max() / expected.detach().abs().max())


def _gaps(model: Task, reference: nn.Module) -> dict[str, float]:
    model.double().train()
    reference.double().train()
    for part in reference.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    images = torch.randn(4, 3, 65, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits, expected = model(images), reference(images)
    logits.square().mean().backward()
    expected.square().mean().backward()
    ours, theirs = list(model.parameters()), list(reference.parameters())
    norms = [
        next(part for part in module.modules() if isinstance(part, nn.BatchNorm2d)) for module in (model, reference)
    ]
    return {
        "logits": _gap(logits, expected),
        "first gradient": _gap(ours[0].grad, theirs[0].grad),
        "last gradient": _gap(ours[-2].grad, theirs[-2].grad),
        "running variance": _gap(norms[0].running_var, norms[1].running_var),
    }


@pytest.fixture(scope="session")
def training_gaps() -> Gaps:
    """Largest relative differences of one training step between two networks with the same weights.

    In double precision: in single, the normalisations of random maps enlarge rounding beyond 1e-5.
    """
    return _gaps
