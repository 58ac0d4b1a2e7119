"""Two real processes over gloo that divide weights, gradients and the optimizer's state."""

import sys
from pathlib import Path

import pytest
import torch

from teams import check_history, check_weights, said, teams, weights

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied")

ALIKE = (
    "sharded",
    "sharded, frozen first",
    "sharded, synchronised",
    "sharded, recomputed",
    "sharded, whole",
)
AGAIN, OTHERWISE = "sharded, again", "gone on with"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the teams left, which one process starts after each other."""
    directory = tmp_path_factory.mktemp("ran")
    teams(
        (2, ALIKE, directory / "two"),
        (1, ALIKE, directory / "one"),
        (2, ("sharded, stopped",), directory / "stopped"),
        (2, (AGAIN, OTHERWISE), directory / "on"),
        (1, (OTHERWISE,), directory / "alone"),
        (2, ("sharded, NaN",), directory / "NaN"),
    )
    return directory


@pytest.mark.parametrize("case", ALIKE)
def test_what_is_divided_makes_the_steps_of_one_process(ran: Path, case: str) -> None:
    """With accumulation, clipping, an average, a frozen phase, BatchNorm over all, and recomputed maps."""
    first, second, alone = (said(ran / "two")[case], said(ran / "two", 1)[case], said(ran / "one")[case])
    assert len(alone["losses"]) >= 6
    assert first["losses"] == second["losses"] == pytest.approx(alone["losses"], abs=1e-6)
    check_history(first["history"], alone["history"])
    check_weights(weights(ran / "two" / case), weights(ran / "one" / case, world=1))


def test_a_run_goes_on_divided_or_not_with_any_number(ran: Path) -> None:
    """In as many divided processes with the same bits; undivided in two, and in one, up to rounding."""
    assert said(ran / "stopped")["sharded, stopped"]["steps"] == 3
    whole, again = weights(ran / "two" / "sharded, whole"), weights(ran / "on" / AGAIN)
    assert whole.keys() == again.keys()
    assert all(whole[name].equal(again[name]) for name in whole)
    check_weights(weights(ran / "on" / OTHERWISE), whole)
    check_weights(weights(ran / "alone" / OTHERWISE, world=1), whole)
    assert "goes on with 1, with the same batches" in " ".join(said(ran / "alone")[OTHERWISE]["notes"])


def test_every_member_has_the_weights_in_the_end(ran: Path) -> None:
    second = torch.load(ran / "two" / "sharded, synchronised" / "weights-1-of-2.pt")
    assert not any(tensor.is_meta for tensor in second.values())


def test_a_loss_that_is_not_finite_ends_all_and_is_said_once(ran: Path) -> None:
    assert said(ran / "NaN", 0) == "SaidError: "
    assert said(ran / "NaN", 1).startswith("NonFiniteLossError: Loss 'cross_entropy' is nan")
