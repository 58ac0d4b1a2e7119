import pytest
import torch

from plusx.adapt.wise_ft import best_alpha, interpolated
from plusx.core.errors import InputError

START = {"w": torch.tensor([0.1, -2.0, 1e-30]), "count": torch.tensor(3)}
TUNED = {"w": torch.tensor([0.7, 3.0, 7e30]), "count": torch.tensor(8)}


def test_the_ends_are_the_ends_to_the_bit() -> None:
    for alpha, end in ((0, START), (1, TUNED), (0.0, START), (1.0, TUNED)):
        found = interpolated(START, TUNED, alpha)
        assert all(torch.equal(found[name], end[name]) for name in end)
        assert found["w"] is not end["w"]


def test_between_them_is_the_formula() -> None:
    found = interpolated(START, TUNED, 0.3)
    slow = [0.7 * float(s) + 0.3 * float(t) for s, t in zip(START["w"], TUNED["w"], strict=True)]
    torch.testing.assert_close(found["w"], torch.tensor(slow))
    assert int(found["count"]) == 8


def test_what_cannot_be_mixed_is_refused() -> None:
    with pytest.raises(InputError, match=r"alpha is 1\.5; expected 0 \(the start\) to 1 \(fine-tuned\)"):
        interpolated(START, TUNED, 1.5)
    with pytest.raises(InputError, match=r"weights of two networks: w is not the same tensor in both"):
        interpolated({**START, "w": torch.zeros(2)}, TUNED, 0.5)


def test_among_equals_the_one_that_changes_least() -> None:
    assert best_alpha(lambda alpha: min(alpha, 0.8))[0] == 1.0
    alpha, scores = best_alpha(lambda alpha: -abs(alpha - 0.4))
    assert alpha == 0.4
    assert len(scores) == 11


def test_what_has_no_score_is_not_the_best() -> None:
    assert best_alpha(lambda alpha: alpha if 0 < alpha < 1 else float("nan"), (0, 0.5, 1))[0] == 0.5
