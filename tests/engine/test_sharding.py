"""Two real processes over gloo that divide parameters, gradients and the optimizer's state."""

import sys
from pathlib import Path

import pytest
import torch

from teams import check_history, check_weights, said, teams, weights

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied")

ALIKE = ("sharded", "sharded, frozen first", "sharded, synchronised")
RESUMED = "sharded, again"


def test_what_is_divided_makes_the_steps_of_one_process_and_goes_on_exactly(tmp_path: Path) -> None:
    """With accumulation, clipping, an average, a frozen phase and BatchNorm over all; in two, in one, and undivided."""
    teams(
        (2, (*ALIKE, "sharded, whole"), tmp_path / "two"),
        (1, (*ALIKE, "sharded, whole"), tmp_path / "one"),
        (2, ("sharded, stopped",), tmp_path / "stopped"),
        (2, (RESUMED, "gone on with"), tmp_path / "on"),
        (1, ("gone on with",), tmp_path / "alone"),
    )
    first, second, alone = said(tmp_path / "two"), said(tmp_path / "two", 1), said(tmp_path / "one")
    for case in (*ALIKE, "sharded, whole"):
        assert first[case]["losses"] == second[case]["losses"] == pytest.approx(alone[case]["losses"], abs=1e-6), case
        check_history(first[case]["history"], alone[case]["history"])
        check_weights(weights(tmp_path / "two" / case), weights(tmp_path / "one" / case, world=1))
    assert said(tmp_path / "stopped")["sharded, stopped"]["steps"] == 3
    whole = weights(tmp_path / "two" / "sharded, whole")
    check_same_bits(weights(tmp_path / "on" / RESUMED), whole)
    check_weights(weights(tmp_path / "on" / "gone on with"), whole)
    check_weights(weights(tmp_path / "alone" / "gone on with", world=1), whole)
    assert "goes on with 1, with the same batches" in " ".join(said(tmp_path / "alone")["gone on with"]["notes"])


def check_same_bits(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(found[name].equal(expected[name]) for name in expected)


def test_a_loss_that_is_not_finite_ends_all_and_is_said_once(tmp_path: Path) -> None:
    teams((2, ("sharded, NaN",), tmp_path))
    assert said(tmp_path, 0) == "SaidError: "
    assert said(tmp_path, 1).startswith("NonFiniteLossError: Loss 'cross_entropy' is nan")
