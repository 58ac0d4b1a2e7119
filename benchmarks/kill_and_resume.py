"""`plusx fit` is killed (SIGKILL) at seeded random moments and begun again with the same line, until enough kills.

Half of the moments are those in which a checkpoint is half written, a quarter lie within the training, a quarter
anywhere from the start on: audit, first save, validation, writing of the results. Each start draws 0, 1 or 2 loading
processes. Every third kill of a run also cuts off the newest checkpoint, as a power cut may. A finished run is compared
with one that was never killed: model file, whole state, best weights, curves.

Run: PYTHONPATH=tests python benchmarks/kill_and_resume.py [--kills 50] [--seed 0]
"""

import argparse
import collections
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import plusx.workflows.fit  # noqa: F401 - copies of this process need not import it
from killing import Moment, after, after_training_for, attempt, differences, line, while_writing
from pictures import colour_folder
from plusx.cli.main import main as command
from plusx.engine import checkpoint

EPOCHS = 4


class Forked:
    """A copy of this process, which has imported everything: that takes seconds, and a kill each."""

    def __init__(self, words: Sequence[str], said: Path) -> None:
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            with said.open("wb") as file:
                for stream in (1, 2):
                    os.dup2(file.fileno(), stream)
            sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1) for stream in (1, 2))
            os._exit(command(words[1:]))

    def poll(self) -> int | None:
        if self.code is None and (found := os.waitpid(self.pid, os.WNOHANG))[0]:
            self.code = os.waitstatus_to_exitcode(found[1])
        return self.code

    def wait(self, timeout: float) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def moment(chance: random.Random, startup: float) -> Moment:
    """startup: seconds until training begins."""
    match chance.randrange(4):
        case 0:
            return after_training_for(3 * chance.random())
        case 1:
            return after(startup * (0.2 + 1.3 * chance.random()))
        case _:
            return while_writing(chance.randint(1, 8))


def tear(run: Path, chance: random.Random) -> bool:
    """Cuts off the newest checkpoint, where there is one beside it to fall back to."""
    kept = checkpoint.kept(run / "checkpoints") if (run / "checkpoints").is_dir() else []
    if len(kept) < 2:
        return False
    with kept[0].open("r+b") as file:
        file.truncate(chance.randrange(kept[0].stat().st_size))
    return True


def one_run(run: Path, straight: Path, chance: random.Random, kills: int, startup: float) -> dict[str, int]:
    """One run to its end, killed up to `kills` times."""
    counts = collections.Counter[str]()
    while True:
        words = line(straight.parent / "data", run, epochs=EPOCHS, workers=chance.choice((0, 1, 2)))
        ending = attempt(words, run, moment(chance, startup) if counts["kills"] < kills else None, Forked)
        damaged = [*(run / "checkpoints").glob("*.damaged")] if run.is_dir() else []
        counts["torn files set aside"] += len(damaged)
        counts["torn files named"] += ending.said.count("Skipped and renamed")
        for file in damaged:
            file.unlink()
        if not ending.killed:
            found = [*differences(run, straight)]
            print(f"finished after {counts['kills']} kills; differences: {found or 'none'}; {dict(counts)}", flush=True)
            return {**counts, "runs": 1, "mismatches": len(found)}
        counts["kills"] += 1
        counts["kills while a checkpoint was half written"] += ending.half
        print(f"kill {counts['kills']}{', a checkpoint half written' * ending.half}", flush=True)
        if counts["kills"] % 3 == 0:
            counts["checkpoints torn by us"] += tear(run, chance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--startup", type=float, default=3.0, help="seconds until training begins here")
    arguments = parser.parse_args()
    chance, total = random.Random(arguments.seed), collections.Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        os.environ["PLUSX_CACHE"] = str(root / "cache")
        data, straight = colour_folder(root / "data"), root / "straight"
        attempt(line(data, straight, epochs=EPOCHS, workers=0), straight, start=Forked)
        while total["kills"] < arguments.kills:
            place = root / str(total["runs"])
            place.mkdir()
            total.update(one_run(place / "run", straight, chance, arguments.kills - total["kills"], arguments.startup))
    for what, count in total.items():
        print(f"{count:4} {what}")


if __name__ == "__main__":
    main()
