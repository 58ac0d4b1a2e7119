"""Killed before every single rename of a run's checkpoints: whatever lies there then, the run goes on from it and ends
with the same bits, and `best.pt` and `last.pt` name the same weights."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from plusx.engine import checkpoint
from plusx.engine.averages.ema import Ema
from plusx.engine.evaluate import evaluate
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.train import train

PLAN = Plan(epochs=3, optimizer=SGD(rate=0.05), average=Ema(0.9), seed=3)


class Killed(BaseException):
    """What SIGKILL would do, as far as files are concerned."""


@contextmanager
def killed_before_rename(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Counted from 1; gives the names that files were given."""
    renamed: list[Path] = []
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if len(renamed) + 1 >= number:
            raise Killed
        renamed.append(Path(target))
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        yield renamed


def run(tiny: Any, directory: Path, *, resume: bool = False, tied: bool = False) -> Any:
    """`tied`: the metric says nothing, and another decides, which gets better with every epoch."""

    def judge(task: Any) -> dict[str, float]:
        found = evaluate(task, tiny.batches(shuffle=False), tiny.cpu, tiny.prepare)
        moved = sum(float((one - two).abs().sum()) for one, two in zip(task.parameters(), start, strict=True))
        return found | ({"top-1": 0.5, "nll": -moved} if tied else {})

    task, listener = tiny.seeded(dropout=0.3), tiny.listener()
    start = [value.detach().clone() for value in task.parameters()]
    parts = tiny.parts(directory, listener, prepare=tiny.mix, evaluate=judge, primary="top-1", tie="nll", keep=3)
    outcome = train(task, tiny.batches(12), PLAN, tiny.cpu, parts=parts, resume=resume)
    return task, outcome, listener


def ending(directory: Path, task: Any, outcome: Any) -> Any:
    """All that has to be the same, as bytes and plain values."""
    timed = ("train/seconds", "train/images_per_second")
    history = [{name: value for name, value in epoch.items() if name not in timed} for epoch in outcome.history]
    last, best = (checkpoint.read(directory / name) for name in (checkpoint.LAST, checkpoint.BEST))
    weights = [task.state_dict(), last["task"], last["average"]["task"], best["task"]]
    raw = [value.numpy().tobytes() for state in weights for value in state.values()]
    return raw, history, (outcome.best_metric, outcome.best_epoch), (best["metric"], best["epoch"])


@pytest.mark.parametrize("tied", [False, True])
def test_killed_before_any_rename(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tied: bool) -> None:
    with killed_before_rename(10**6, monkeypatch) as renamed:
        task, outcome, _ = run(tiny, tmp_path / "whole", tied=tied)
    assert not tied or outcome.best_epoch == PLAN.epochs
    expected = ending(tmp_path / "whole", task, outcome)
    assert checkpoint.BEST in {path.name for path in renamed}
    for number in range(1, len(renamed) + 1):
        directory = tmp_path / str(number)
        with killed_before_rename(number, monkeypatch), pytest.raises(Killed):
            run(tiny, directory, tied=tied)
        task, outcome, _ = run(tiny, directory, resume=True, tied=tied)
        assert ending(directory, task, outcome) == expected, (
            f"killed before {renamed[number - 1].name}, rename {number}"
        )


@pytest.mark.parametrize("tied", [False, True])
def test_best_weights_ahead_of_the_state_that_is_left(tiny: Any, tmp_path: Path, tied: bool) -> None:
    """The newest states were damaged after `best.pt` was written: its epoch is made once more."""
    task, outcome, _ = run(tiny, tmp_path / "whole", tied=tied)
    expected = ending(tmp_path / "whole", task, outcome)
    for torn in (1, 2):
        directory = tmp_path / str(torn)
        run(tiny, directory, tied=tied)
        for path in checkpoint.kept(directory)[:torn]:
            path.write_bytes(path.read_bytes()[:-100])
        task, outcome, listener = run(tiny, directory, resume=True, tied=tied)
        assert sum("Skipped and renamed" in note for note in listener.notes) == torn
        assert ending(directory, task, outcome) == expected


def test_of_equal_epochs_the_best_is_found_again_where_its_state_is_lost(tiny: Any, tmp_path: Path) -> None:
    """`best.pt` is of the fourth epoch, and the states that are left know the first two, which have the same metric."""

    def go(directory: Path, *, resume: bool = False) -> Any:
        nll = iter([1.0, 2.0, 3.0, 0.5][2 if resume else 0 :])

        def judge(task: Any) -> dict[str, float]:
            return {"score": 0.5, "nll": next(nll)}

        task = tiny.seeded()
        parts = tiny.parts(directory, evaluate=judge, primary="score", tie="nll", keep=3)
        plan = Plan(epochs=4, optimizer=SGD(rate=0.05), average=Ema(0.9), seed=3)
        return task, train(task, tiny.batches(12), plan, tiny.cpu, parts=parts, resume=resume)

    expected = ending(tmp_path / "whole", *go(tmp_path / "whole"))
    go(tmp_path / "torn")
    for path in checkpoint.kept(tmp_path / "torn")[:2]:
        path.write_bytes(path.read_bytes()[:-100])
    task, outcome = go(tmp_path / "torn", resume=True)
    assert outcome.best_epoch == 4
    assert ending(tmp_path / "torn", task, outcome) == expected


def test_best_weights_that_are_gone_are_made_from_a_state_that_holds_them(tiny: Any, tmp_path: Path) -> None:
    task, outcome, _ = run(tiny, tmp_path)
    expected = ending(tmp_path, task, outcome)
    (tmp_path / checkpoint.BEST).unlink()
    task, outcome, listener = run(tiny, tmp_path, resume=True)
    assert ending(tmp_path, task, outcome) == expected
    assert listener.notes == []


def test_clocks_and_dates_of_files_have_no_say(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the wall runs backwards, and the newest state looks older than all others."""
    task, outcome, _ = run(tiny, tmp_path / "whole")
    expected = ending(tmp_path / "whole", task, outcome)
    ticks = iter(range(10**9, 0, -3600))
    monkeypatch.setattr("time.time", lambda: float(next(ticks)))
    with killed_before_rename(6, monkeypatch), pytest.raises(Killed):
        run(tiny, tmp_path / "back")
    for age, path in enumerate(checkpoint.kept(tmp_path / "back")):
        os.utime(path, (10**9 * age, 10**9 * age))
    step = checkpoint.newest(tmp_path / "back")[0]["state"]["step"]
    assert step == max(checkpoint.read(path)["state"]["step"] for path in checkpoint.kept(tmp_path / "back"))
    task, outcome, _ = run(tiny, tmp_path / "back", resume=True)
    assert ending(tmp_path / "back", task, outcome) == expected


def test_another_number_of_threads_is_noted(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = torch.get_num_threads()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: now + 3)
        with killed_before_rename(4, patch), pytest.raises(Killed):
            run(tiny, tmp_path)
    _, _, listener = run(tiny, tmp_path, resume=True)
    assert listener.notes[0].startswith(f"The run was begun with {now + 3} threads and goes on with {now}: sums are ")
