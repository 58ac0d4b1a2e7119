"""Against slow and obvious implementations."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plusx.tasks.metrics.ranking import auroc, average_precision, mean_of_defined

ranked = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30)


@settings(deadline=None)
@given(ranked)
def test_auroc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    positives = [score for score, positive in rows if positive]
    negatives = [score for score, positive in rows if not positive]
    pairs = [(p > n) + 0.5 * (p == n) for p in positives for n in negatives]
    ours = auroc(torch.tensor([float(s) for s, _ in rows]), torch.tensor([p for _, p in rows]))
    assert ours == (pytest.approx(sum(pairs) / len(pairs)) if pairs else None)


@settings(deadline=None)
@given(ranked)
def test_average_precision_steps_through_all_thresholds(rows: list[tuple[int, bool]]) -> None:
    positives = sum(positive for _, positive in rows)
    total, recall_before = 0.0, 0.0
    for threshold in sorted({score for score, _ in rows}, reverse=True):
        found = [positive for score, positive in rows if score >= threshold]
        recall = sum(found) / positives if positives else 0.0
        total += (recall - recall_before) * sum(found) / len(found)
        recall_before = recall
    ours = average_precision(torch.tensor([float(s) for s, _ in rows]), torch.tensor([p for _, p in rows]))
    assert ours == (pytest.approx(total) if positives else None)


def test_mean_of_defined() -> None:
    assert mean_of_defined([None, 1.0, 0.0]) == 0.5
    assert mean_of_defined([None]) is None
