"""Real processes on this machine, two unless said otherwise, that train together over gloo."""

import sys
from pathlib import Path

import pytest

from teams import check_history, check_weights, said, teams, weights

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied")


ALIKE = ("plain", "averaged", "frozen first", "sharp", "unused", "synchronised")


def test_two_processes_make_the_steps_of_one(tmp_path: Path) -> None:
    """And stop together where one is asked to; whatever number of processes goes on with the same batches."""
    two, one = tmp_path / "two", tmp_path / "one"
    teams(
        (2, (*ALIKE, "norm", "interrupted"), two),
        (1, (*ALIKE, "norm"), one),
        (1, ("resumed",), tmp_path / "on"),
    )
    first, second, alone, resumed = said(two), said(two, 1), said(one), said(tmp_path / "on")["resumed"]
    for case in ALIKE:
        assert first[case]["losses"] == second[case]["losses"] == pytest.approx(alone[case]["losses"], abs=1e-6), case
        check_history(first[case]["history"], alone[case]["history"])
        expected = weights(one / case, world=1)
        check_weights(weights(two / case), expected)
    assert first["norm"]["losses"] != pytest.approx(alone["norm"]["losses"], abs=1e-3)  # else this would prove nothing
    stopped = first["interrupted"], second["interrupted"]
    assert [(one["stopped"], one["steps"]) for one in stopped] == [("interrupted", 3)] * 2
    assert resumed["stopped"] == "finished"
    continued = stopped[0]["losses"] + resumed["losses"]
    assert continued == pytest.approx(alone["averaged"]["losses"], abs=1e-6)  # the average changes no step


def test_a_team_that_lost_a_member_and_goes_on_ends_with_the_same_bits(tmp_path: Path) -> None:
    teams((2, ("whole",), tmp_path / "whole"), (2, ("lost",), tmp_path / "lost"), (2, ("again",), tmp_path / "again"))
    assert said(tmp_path / "lost").startswith("LostError: ")
    assert 0 < len(said(tmp_path / "again")["again"]["losses"]) < len(said(tmp_path / "whole")["whole"]["losses"])
    whole, again = weights(tmp_path / "whole" / "whole"), weights(tmp_path / "lost" / "lost")
    assert all(whole[name].equal(again[name]) for name in whole)


def test_what_ends_one_ends_all_and_is_said_once(tmp_path: Path) -> None:
    teams((2, ("error",), tmp_path / "error"), (2, ("killed",), tmp_path / "killed"))
    assert said(tmp_path / "error", 1) == "InputError: No room for ünïcode here."
    assert said(tmp_path / "error", 0) == "SaidError: "
    assert said(tmp_path / "killed", 0).startswith("LostError: One of the 2 processes that train together was ended")
    assert not (tmp_path / "killed" / "said-1.json").exists()
