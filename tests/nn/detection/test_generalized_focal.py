import math

import pytest
import torch

from plusx.nn.detection.generalized_focal import distribution_focal, expectation, quality_focal


def test_quality_focal_by_hand() -> None:
    """s = 1/2: BCE is log 2 whatever q."""
    found = quality_focal(torch.zeros(3), torch.tensor([0.0, 0.5, 0.9]))
    torch.testing.assert_close(found, torch.tensor([0.25, 0.0, 0.16]) * math.log(2))


def test_quality_focal_without_gamma_is_cross_entropy() -> None:
    logits, quality = torch.randn(5), torch.rand(5)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    torch.testing.assert_close(quality_focal(logits, quality, 0.0), expected)


def test_quality_focal_is_least_at_the_quality() -> None:
    s = torch.linspace(0.01, 0.99, 99)
    losses = quality_focal(torch.logit(s), torch.full_like(s, 0.3))
    assert s[losses.argmin()].item() == pytest.approx(0.3)


def test_distribution_focal_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.4]]))
    assert distribution_focal(logits, torch.tensor([1.25])).item() == pytest.approx(
        -0.75 * math.log(0.2) - 0.25 * math.log(0.3)
    )
    assert distribution_focal(logits, torch.tensor([2.0])).item() == pytest.approx(-math.log(0.3))


def test_distances_beyond_the_bins_count_as_the_last_or_first() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.4]]))
    for value in (3.0, 3.7, 900.0):
        assert distribution_focal(logits, torch.tensor([value])).item() == pytest.approx(-math.log(0.4))
    assert distribution_focal(logits, torch.tensor([-2.0])).item() == pytest.approx(-math.log(0.1))


def test_distribution_focal_is_least_where_the_expectation_is_the_distance() -> None:
    """Section 3.2: the minimum is a distribution on both neighbours whose mean is y."""
    logits = torch.zeros(1, 6, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        distribution_focal(logits, torch.tensor([3.3])).sum().backward()
        optimizer.step()
    assert expectation(logits.detach()).item() == pytest.approx(3.3, abs=0.02)


def test_expectation() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 0.0, 0.0]]))
    torch.testing.assert_close(expectation(logits), torch.tensor([2.0, 0.0]))


def test_of_half_precision_in_32_bits() -> None:
    logits = torch.randn(4, 8).bfloat16()
    assert quality_focal(logits, torch.rand(4, 8).bfloat16()).dtype == torch.float32
    assert distribution_focal(logits, torch.rand(4).bfloat16()).dtype == torch.float32
    assert expectation(logits).dtype == torch.float32
