"""How a network trains fastest on this CPU, as it was measured: kept for the next run like it."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import torch

from plusx.core.errors import InputError, StorageError
from plusx.core.storage import write_text
from plusx.core.task import Task
from plusx.engine.checkpoint import version
from plusx.engine.device import Measured, Workload
from plusx.engine.placement import Placement
from plusx.workflows.environment import cache_directory

DAYS: Final = 30
"""For which a measurement counts."""


class KeptPlacement:
    """Of one network, size of images and batch, on this machine as it is. Where nothing can be kept, nothing is."""

    def __init__(self, task: Task, workload: Workload) -> None:
        learning = [parameter.requires_grad for parameter in task.parameters()]
        self._key = f"{_machine()} {workload.size} {workload.batch_size} {task} {learning} {task.backbone.recompute}"

    def found(self, ways: Sequence[Placement]) -> Measured | None:
        """With the day in its reason; None of what was never measured, or too long ago."""
        with suppress(OSError, StorageError, InputError, ValueError, KeyError, TypeError):
            said = json.loads(self._file(ways).read_text(encoding="utf-8"))
            kept, day = Placement.from_json(said["placement"]), date.fromisoformat(said["day"])
            same = next((way for way in ways if not way.differs(kept)), None)
            if same is not None and day <= date.today() < day + timedelta(days=DAYS):
                dated = replace(same, reason=f"{kept.reason}, measured on {day}")
                return Measured(dated, float(said["seconds"]))
        return None

    def keep(self, ways: Sequence[Placement], measured: Measured) -> None:
        """In the place of what was found before."""
        said = {"placement": measured.placement.to_json(), "seconds": measured.seconds}
        with suppress(OSError, StorageError):
            file = self._file(ways)
            file.parent.mkdir(exist_ok=True)
            write_text(file, json.dumps({**said, "day": date.today().isoformat()}))

    def _file(self, ways: Sequence[Placement]) -> Path:
        key = hashlib.sha256(f"{self._key} {[str(way) for way in ways]}".encode()).hexdigest()
        return cache_directory() / "placements" / f"{key[:16]}.json"


def _machine() -> tuple[object, ...]:
    """All that decides how fast it computes, but the network."""
    switches = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
    return (
        version("plusx"),
        torch.__version__,
        platform.node(),
        torch.get_num_threads(),
        os.cpu_count(),
        torch.cpu.get_capabilities(),
        torch.get_float32_matmul_precision(),
        torch.backends.mkldnn.enabled,
        *(os.environ.get(name) for name in switches),
    )
