"""Runs in a second process that are stopped from outside."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pictures import colour_folder
from plusx.workflows.fit import fit

LIMIT = 400  # seconds: a machine may be busy
PLUSX = Path(sys.executable).parent / "plusx"
PYTHON: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 8,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
    "epochs": 12,
}

SHELL = [word for name, value in PYTHON.items() for word in (f"--{name.replace('_', '-')}", str(value))]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def begin(
    data: Path, run: Path, before: Callable[[], None] | None = None, more: Sequence[str] = ()
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [PLUSX, "fit", data, *SHELL, "--no-export", "--out", run, *more],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        preexec_fn=before,
    )


def journal_of(run: Path) -> int:
    """The number of its file, which is another one when the run goes on; 0 where nothing was written."""
    path = run / "metrics.jsonl"
    return path.stat().st_ino if path.exists() and path.stat().st_size else 0


def wait_for_steps(run: Path, process: "subprocess.Popen[str]", before: int = 0) -> None:
    """Until the first values were written. before: the journal there was when the process began."""
    deadline = time.monotonic() + LIMIT
    while journal_of(run) in (0, before):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_saves_and_the_continued_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "颜色 data")
    process = begin(data, tmp_path / "stopped")
    wait_for_steps(tmp_path / "stopped", process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 130, errors
    assert "everything is saved" in errors
    assert "plusx fit --resume" in errors
    assert "Traceback" not in errors

    threads = torch.get_num_threads()
    continued = fit(resume=tmp_path / "stopped")
    straight = fit(data, **PYTHON, export=False, out=tmp_path / "straight")
    assert torch.get_num_threads() == threads
    assert len(continued.history) == 12
    one, other = load_file(continued.model), load_file(straight.model)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_scheduler_may_stop_a_run_and_give_the_same_line_again(tmp_path: Path) -> None:
    """SIGTERM as `timeout` sends it, SIGUSR1 as SLURM: to the whole group, the loading processes get it as well."""
    data, run = colour_folder(tmp_path / "data"), tmp_path / "run"
    for number in (signal.SIGTERM, signal.SIGUSR1):
        before = journal_of(run)
        process = begin(data, run, before=os.setsid, more=["--workers", "2", "--resume", "auto"])
        wait_for_steps(run, process, before)
        os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 75, errors
        assert f"Stopped by {number.name} after step " in errors
        assert "; everything is saved. Go on with: plusx fit --resume " in errors
        assert "Traceback" not in errors
    process = begin(data, run, more=["--workers", "2", "--resume", "auto"])
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, errors
    notes = [line for line in errors.splitlines() if line.startswith("note: ")]
    assert [note for note in notes if not note.startswith("note: Other processes keep this machine busy")] == []
    straight = fit(data, **PYTHON, export=False, out=tmp_path / "straight")
    assert weights_of(run) == weights_of(straight.path)


def weights_of(run: Path) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in load_file(run / "model.safetensors").items()}


def test_a_disk_that_fills_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """The system refuses files beyond a size, which the first checkpoint, without momentum, does not reach."""
    data, run = colour_folder(tmp_path / "data", per_class=6), tmp_path / "run"
    limit = 2_700_000  # of 2.2 MB (weights and their average) and 3.3 MB

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    process = begin(data, run, before=small_files_only, more=["--average", "ema"])
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 1, errors
    assert "last.pt could not be written: File too large. What was there before is untouched. Free some space" in errors
    assert f"go on with: plusx fit --resume {run}" in errors
    assert "Traceback" not in errors
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["last.pt"]
    continued = fit(resume=run)
    straight = fit(data, **PYTHON, average="ema", export=False, out=tmp_path / "straight")
    assert weights_of(continued.path) == weights_of(straight.path)
