"""How a network trains fastest on this CPU, as it was measured: kept for the next run like it."""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import torch

from plusx.core.errors import InputError, StorageError
from plusx.core.task import Task
from plusx.engine.crowding import crowding_hint
from plusx.engine.device import Workload
from plusx.engine.placement import Placement
from plusx.workflows.environment import cache_directory

DAYS: Final = 30
"""For which a measurement counts."""


class KeptPlacement:
    """Of one network, size of images and batch, on this machine as it is. Where nothing can be kept, nothing is."""

    def __init__(self, task: Task, workload: Workload) -> None:
        machine = (torch.__version__, torch.get_num_threads(), os.cpu_count(), torch.cpu.get_capabilities())
        self._key = f"{machine} {workload.size} {workload.batch_size} {task}"

    def found(self, ways: Sequence[Placement]) -> Placement | None:
        """With the day in its reason; None of what was never measured, or too long ago."""
        with suppress(OSError, StorageError, InputError, ValueError, KeyError, TypeError):
            said = json.loads(self._file(ways).read_text(encoding="utf-8"))
            placement, day = Placement.from_json(said["placement"]), date.fromisoformat(said["day"])
            if day <= date.today() < day + timedelta(days=DAYS):
                return replace(placement, reason=f"{placement.reason}, measured on {day}")
        return None

    def keep(self, ways: Sequence[Placement], fastest: Placement) -> None:
        """Unless other programs were in the way of measuring."""
        if crowding_hint("cpu") is not None:
            return
        said = {"placement": fastest.to_json(), "day": date.today().isoformat()}
        with suppress(OSError, StorageError):
            file = self._file(ways)
            file.parent.mkdir(exist_ok=True)
            part = file.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(said), encoding="utf-8")
            part.replace(file)

    def _file(self, ways: Sequence[Placement]) -> Path:
        key = hashlib.sha256(f"{self._key} {[str(way) for way in ways]}".encode()).hexdigest()
        return cache_directory() / "placements" / f"{key[:16]}.json"
