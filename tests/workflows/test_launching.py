"""What the processes leave for the one that started them, without starting any."""

import json
from pathlib import Path
from typing import Any

import pytest

from plusx.core.errors import DataError, InterruptedRunError, MissingExtraError, PlusxError, SaidError
from plusx.core.ranks import Ranks
from plusx.engine.group import LostError
from plusx.engine.interrupt import Terminated
from plusx.engine.membership import RESULT, Membership
from plusx.workflows.launching import outcome
from plusx.workflows.run import Run

RANKS = Ranks(1, 2)


def member(word: Path | None, attempt: int = 0) -> Membership:
    return Membership(RANKS, 1, 2, 0, attempt, word)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError("No 图 there."), DataError),
        (InterruptedRunError("Saved.", terminated=True), InterruptedRunError),
        (MissingExtraError("h5py", "keras", "This"), MissingExtraError),
        (Terminated("SIGTERM"), Terminated),
        (LostError(RANKS), PlusxError),
        (ZeroDivisionError("a fault"), SaidError),
    ],
)
def test_an_error_arrives_as_it_was_raised(tmp_path: Path, error: BaseException, expected: type[Any]) -> None:
    assert member(tmp_path).leave_failure(error)
    with pytest.raises(expected) as raised:
        outcome(tmp_path, tmp_path / "run")
    assert str(raised.value) == ("" if expected is SaidError else str(error))
    assert getattr(raised.value, "terminated", True)


def test_a_result_arrives(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", {"accuracy": 0.5}, ({"epoch": 1.0},), None, {"accuracy": 0.25})
    (tmp_path / RESULT).write_text(json.dumps(run.to_json()))
    assert outcome(tmp_path, run.path) == run


def test_without_a_word_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlusxError, match="ended without a word: most often memory ran out"):
        outcome(tmp_path, tmp_path / "run")


def test_nobody_listens_where_torchrun_started_it() -> None:
    assert not member(None).leave_failure(DataError("x"))


def test_only_what_was_lost_is_tried_again(tmp_path: Path) -> None:
    assert not member(tmp_path, attempt=1).hopeless()
    member(tmp_path).leave_failure(LostError(RANKS))
    assert not member(tmp_path, attempt=1).hopeless()
    member(tmp_path).leave_failure(DataError("broken"))
    assert member(tmp_path, attempt=1).hopeless()
    assert not member(tmp_path, attempt=0).hopeless()
