from typing import Any

import pytest
import torch

from plusx.core.errors import NonFiniteLossError
from plusx.engine.losses import PendingLosses, check_finite, check_weights


def test_values_by_part_in_order() -> None:
    losses = {"b": torch.tensor(2.0, requires_grad=True), "a": torch.tensor(1.0, dtype=torch.bfloat16)}
    assert list(PendingLosses(losses).values().items()) == [("b", 2.0), ("a", 1.0)]


def test_when_all_samples_are_bad_the_whole_batch_is_named(tiny: Any) -> None:
    task = tiny.seeded(batch_norm=False)
    with torch.no_grad():
        task.head[3].bias.fill_(float("inf"))
    batch = tiny.prepare(next(tiny.batches(12, 12, shuffle=False).epoch(0)), torch.Generator())
    with pytest.raises(
        NonFiniteLossError, match=r"Loss 'a' is inf at step 3, in the batch of 0.png, .*, 9.png and 2 more;"
    ):
        check_finite({"a": float("inf"), "b": 1.0}, task, batch, "step 3")
    assert task.training


def test_finite_losses_and_weights_pass(tiny: Any) -> None:
    task = tiny.seeded()
    batch = tiny.prepare(next(tiny.batches().epoch(0)), torch.Generator())
    check_finite({"a": 1.0}, task, batch, "")
    check_weights(task, 1)
    task.backbone.conv1[1].running_var[0] = float("nan")
    with pytest.raises(NonFiniteLossError, match=r"After step 1 the weights backbone.conv1.1.running_var hold NaN"):
        check_weights(task, 1)
