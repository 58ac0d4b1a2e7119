from pathlib import Path
from typing import Any

import pytest
import torch

from plusx.engine import checkpoint
from plusx.engine.averages.ema import Ema
from plusx.engine.evaluate import evaluate
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.pace import Deadline, slowness
from plusx.engine.plan import Plan
from plusx.engine.train import train


class Steps:
    """A clock on which every look takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_an_epoch_is_begun_where_another_as_long_leaves_the_reserve() -> None:
    times = iter([0.0, 10.0, 20.0])
    pace = Deadline(32.0, lambda: 2.0, lambda: next(times))
    assert pace.another_epoch()
    assert pace.another_epoch()
    assert pace.another_epoch()  # 20 + 10 + 2
    times = iter([0.0, 10.0, 21.0])
    pace = Deadline(32.0, lambda: 2.0, lambda: next(times))
    assert [pace.another_epoch() for _ in range(3)] == [True, True, False]


def test_a_step_is_made_while_the_reserve_is_left() -> None:
    times, reserves = iter([0.0, 4.0, 7.0, 7.5]), iter([2.0, 2.9])
    pace = Deadline(10.0, lambda: next(reserves), lambda: next(times))
    assert pace.another_epoch()
    assert [pace.another_step() for _ in range(3)] == [True, True, False]  # 7 s: the reserve has grown


def test_slowness_is_a_time() -> None:
    assert 0 < slowness() < 60


PLAN = Plan(epochs=3, optimizer=SGD(rate=0.05), average=Ema(0.99))


def go(tiny: Any, directory: Path, ends: float | None, *, resume: bool = False) -> Any:
    """5 steps an epoch; without `ends` as long as it takes."""
    task = tiny.seeded()
    parts = tiny.parts(
        directory,
        evaluate=lambda task: evaluate(task, tiny.batches(shuffle=False), tiny.cpu, tiny.prepare),
        primary="top-1",
        **({} if ends is None else {"pace": Deadline(ends, lambda: 0.0, Steps())}),
    )
    return task, train(task, tiny.batches(), PLAN, tiny.cpu, parts=parts, resume=resume)


@pytest.mark.parametrize(("ends", "done"), [(8.5, 1), (3.5, 0), (13.5, 2)])
def test_a_late_run_keeps_its_best_and_goes_on_to_the_same_bits(
    tiny: Any, tmp_path: Path, ends: float, done: int
) -> None:
    task, outcome = go(tiny, tmp_path / "late", ends)
    assert (outcome.stopped, outcome.epochs_done) == ("late", done)
    if done:
        best = checkpoint.read(tmp_path / "late" / "best.pt")
        assert best["epoch"] == outcome.best_epoch
        assert all(torch.equal(value, task.state_dict()[name]) for name, value in best["task"].items())
    continued, outcome = go(tiny, tmp_path / "late", None, resume=True)
    straight, _ = go(tiny, tmp_path / "straight", None)
    assert (outcome.stopped, outcome.epochs_done) == ("finished", 3)
    one, other = continued.state_dict(), straight.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
