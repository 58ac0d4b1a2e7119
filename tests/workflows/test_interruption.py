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


def wait_for_steps(run: Path, process: "subprocess.Popen[str]") -> None:
    """Until the first values were written."""
    deadline = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() or not (run / "metrics.jsonl").read_bytes():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_saves_and_the_continued_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "颜色 data")
    process = begin(data, tmp_path / "stopped")
    wait_for_steps(tmp_path / "stopped", process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
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


def test_termination_of_the_whole_group_saves_too(tmp_path: Path) -> None:
    """As `timeout` and schedulers send it: the loading processes get it as well."""
    data = colour_folder(tmp_path / "data")
    process = begin(data, tmp_path / "run", before=os.setsid, more=["--workers", "2"])
    wait_for_steps(tmp_path / "run", process)
    os.killpg(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "everything is saved" in errors
    assert "Traceback" not in errors


def test_a_full_disk_is_said_in_one_message(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data", per_class=6)

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    process = begin(data, tmp_path / "run", before=small_files_only)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert "could not be written" in errors
    assert "Traceback" not in errors
