import pytest
import torch
import torch.nn.functional as F

from plusx.nn.losses.binary_cross_entropy import binary_cross_entropy
from plusx.nn.losses.cross_entropy import cross_entropy
from plusx.nn.losses.squared_error import squared_error


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


INDICES = torch.tensor([0, 1, 2, 3, 1, 1])
WEIGHTS = torch.tensor([0.5, 3.0, 1.0, 2.0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_by_its_formula(logits: torch.Tensor, smoothing: float, weights: torch.Tensor | None) -> None:
    q = F.one_hot(INDICES, 4) * (1 - smoothing) + smoothing / 4
    w = torch.ones(4) if weights is None else weights
    expected = -(w * q * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(cross_entropy(logits, INDICES, weights, smoothing), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_indices_and_certain_probabilities_are_the_same(
    logits: torch.Tensor, smoothing: float, weights: torch.Tensor | None
) -> None:
    certain = F.one_hot(INDICES, 4).float()
    a, b = (cross_entropy(logits, targets, weights, smoothing) for targets in (INDICES, certain))
    torch.testing.assert_close(a, b)


def test_weighted_halves_average_to_the_whole(logits: torch.Tensor) -> None:
    halves = [cross_entropy(logits[i : i + 3], INDICES[i : i + 3], WEIGHTS) for i in (0, 3)]
    torch.testing.assert_close(sum(halves) / 2, cross_entropy(logits, INDICES, WEIGHTS))


def test_binary_cross_entropy_by_its_formula(logits: torch.Tensor) -> None:
    targets = (torch.arange(24).view(6, 4) % 3 == 0).float()
    smooth = targets * 0.8 + 0.1
    p = logits.sigmoid()
    expected = -(WEIGHTS * smooth * p.log() + (1 - smooth) * (1 - p).log()).mean()
    torch.testing.assert_close(binary_cross_entropy(logits, targets, WEIGHTS, 0.2), expected)


def test_squared_error() -> None:
    assert squared_error(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [1.0]])) == 2.0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_are_in_32_bits_under_autocast(logits: torch.Tensor, dtype: torch.dtype) -> None:
    soft = torch.full((6, 4), 0.25)
    with torch.autocast("cpu", dtype):
        losses = (
            cross_entropy(logits.to(dtype), INDICES, WEIGHTS, 0.1),
            cross_entropy(logits.to(dtype), soft.to(dtype), WEIGHTS, 0.1),
            binary_cross_entropy(logits.to(dtype), soft.to(dtype), WEIGHTS),
            squared_error(logits.to(dtype), soft),
        )
    expected = cross_entropy(logits.to(dtype).float(), INDICES, WEIGHTS, 0.1)
    assert all(loss.dtype == torch.float32 for loss in losses)
    assert losses[0] == expected


def test_large_logits_stay_finite() -> None:
    extreme = torch.tensor([[1e4, -1e4]], dtype=torch.bfloat16)
    assert cross_entropy(extreme, torch.tensor([1])).isfinite()
    assert binary_cross_entropy(extreme, torch.tensor([[0.0, 1.0]])).isfinite()
