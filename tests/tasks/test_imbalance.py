from typing import Any

import numpy as np
import pytest
from sklearn.utils import class_weight

from plusx.tasks.imbalance import balanced_class_weights, balanced_positive_weights

compute_class_weight: Any = class_weight.compute_class_weight  # stubs refuse arrays


def test_equals_scikit_learn() -> None:
    labels = np.repeat([0, 1, 2], [70, 20, 10])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert balanced_class_weights([70, 20, 10]) == pytest.approx(expected)


def test_absent_class_gets_one_and_does_not_count() -> None:
    assert balanced_class_weights([30, 0, 10]) == pytest.approx([40 / 60, 1.0, 2.0])
    assert balanced_class_weights([0, 0]) == [1.0, 1.0]


def test_positives_weigh_as_much_as_negatives() -> None:
    assert balanced_positive_weights([25, 50], 100) == [3.0, 1.0]


def test_positive_weights_have_bounds() -> None:
    assert balanced_positive_weights([1, 0, 100_000], 100_000) == [100.0, 1.0, 1.0]
