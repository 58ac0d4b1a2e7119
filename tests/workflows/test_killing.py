"""Killed with SIGKILL, again and again, also while a checkpoint is being written: the result has the same bits."""

import random
import sys
from pathlib import Path

import pytest

from killing import after, after_training_for, attempt, differences, line, while_writing
from pictures import colour_folder
from plusx.engine import checkpoint

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")

EPOCHS = 5


def test_a_run_that_was_killed_ends_with_the_same_bits(tmp_path: Path) -> None:
    """Each start has another number of loading processes, and after one kill the newest checkpoint is torn."""
    data, run, straight = colour_folder(tmp_path / "data"), tmp_path / "run", tmp_path / "straight"
    attempt(line(data, straight, epochs=EPOCHS, workers=0), straight)
    for workers, moment in ((2, while_writing(4)), (0, while_writing(3)), (2, after_training_for(0.2))):
        assert attempt(line(data, run, epochs=EPOCHS, workers=workers), run, moment).killed
    last = run / "checkpoints" / checkpoint.LAST
    if last.exists():
        last.write_bytes(last.read_bytes()[: last.stat().st_size // 3])
    ending = attempt(line(data, run, epochs=EPOCHS, workers=0), run)
    assert "last.pt is cut off or damaged: it is no complete checkpoint. Skipped and renamed" in ending.said
    assert [*differences(run, straight)] == []
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        *("best.pt", "last.pt", "last.pt.damaged", "previous.pt")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(0,), (2,), (0, 2, 1)])
def test_many_kills(tmp_path: Path, workers: tuple[int, ...]) -> None:
    data, run, straight = colour_folder(tmp_path / "data"), tmp_path / "run", tmp_path / "straight"
    attempt(line(data, straight, epochs=EPOCHS, workers=workers[0]), straight)
    chance = random.Random(len(workers) + workers[0])
    for number in range(8):
        moments = (while_writing(chance.randint(1, 4)), after_training_for(chance.random()), after(8 * chance.random()))
        attempt(line(data, run, epochs=EPOCHS, workers=workers[number % len(workers)]), run, chance.choice(moments))
    attempt(line(data, run, epochs=EPOCHS, workers=workers[-1]), run)
    assert [*differences(run, straight)] == []
