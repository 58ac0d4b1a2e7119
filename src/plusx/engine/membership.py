"""Which process of how many this one is, as the launcher says in the environment. Needs no torch."""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plusx.core.ranks import Ranks
from plusx.core.storage import write_text

LAUNCHED: Final = "PLUSX_LAUNCHED"
"""Directory in which the processes that `--nproc` started leave word for the one that started them."""

FAILURE: Final = "failure.json"


@dataclass(frozen=True)
class Membership:
    """`local` of `local_world`: on this machine, which is number `machine`. `attempt`: restarts so far."""

    ranks: Ranks
    local: int
    local_world: int
    machine: int
    attempt: int
    word: Path | None = None  # the directory of LAUNCHED

    def leave(self, error: BaseException) -> None:
        """Tells the process that started this one."""
        if self.word is not None and self.word.is_dir():
            write_text(self.word / FAILURE, json.dumps({"kind": type(error).__name__, "text": str(error)}))


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


def end_with_parent() -> None:
    """The system ends this process with SIGTERM when the launcher is gone, even where it was killed. Linux alone."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
