"""Which process of how many this one is, as the launcher says in the environment."""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from plusx.core.errors import InterruptedRunError
from plusx.core.ranks import Ranks
from plusx.core.storage import write_text
from plusx.engine.interrupt import Terminated

LAUNCHED: Final = "PLUSX_LAUNCHED"
"""Directory in which the processes that `--nproc` started leave word for the one that started them."""

FAILURE: Final = "failure.json"
RESULT: Final = "result.json"


@dataclass(frozen=True)
class Membership:
    """`local` of `local_world`: on this machine, which is number `machine`. `attempt`: restarts so far."""

    ranks: Ranks
    local: int
    local_world: int
    machine: int
    attempt: int
    word: Path | None = None  # the directory of LAUNCHED

    def leave_failure(self, error: BaseException) -> bool:
        """Tells the process that started this one; False where none did that would listen."""
        terminated = isinstance(error, Terminated) or (isinstance(error, InterruptedRunError) and error.terminated)
        return self._leave(FAILURE, {"kind": type(error).__name__, "text": str(error), "terminated": terminated})

    def leave_result(self, values: Mapping[str, Any]) -> bool:
        """As `leave_failure`, of a run that was finished."""
        return self._leave(RESULT, values)

    def hopeless(self) -> bool:
        """Whether an earlier attempt has failed with what another one would meet again."""
        failure = None if self.word is None or not self.attempt else self.word / FAILURE
        return failure is not None and failure.is_file() and json.loads(failure.read_text())["kind"] != "LostError"

    def _leave(self, name: str, values: Mapping[str, Any]) -> bool:
        if self.word is None or not self.word.is_dir():
            return False
        write_text(self.word / name, json.dumps(values))
        return True


def of_environment(variables: Mapping[str, str] = os.environ) -> Membership | None:
    """None where one process works alone: no launcher, or one that has started no other."""
    needed = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    if any(name not in variables for name in needed) or int(variables["WORLD_SIZE"]) < 2:
        return None
    word = variables.get(LAUNCHED)
    return Membership(
        Ranks(int(variables["RANK"]), int(variables["WORLD_SIZE"])),
        int(variables["LOCAL_RANK"]),
        int(variables.get("LOCAL_WORLD_SIZE", "1")),
        int(variables.get("GROUP_RANK", "0")),
        int(variables.get("TORCHELASTIC_RESTART_COUNT", "0")),
        Path(word) if word else None,
    )


def speaks() -> bool:
    """Whether this process prints the results: of several the first, or the one that started them."""
    membership = of_environment()
    return membership is None or (membership.ranks.rank == 0 and membership.word is None)


def end_with_parent() -> None:
    """The system ends this process with SIGTERM when the launcher is gone, even where it was killed. Linux alone."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
