"""What breaks while `fit` runs: losses, loading processes and files, in real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import plusx
from pictures import colour_folder
from plusx.core.errors import InputError, NonFiniteLossError
from plusx.workflows.fit import fit
from plusx.workflows.replay import replay

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 6,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
    "export": False,
}


def same(one: Path, other: Path) -> bool:
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_rate_that_is_too_high_is_looked_into(tmp_path: Path) -> None:
    data, run = colour_folder(tmp_path / "数据"), tmp_path / "运行"
    with pytest.raises(
        NonFiniteLossError, match=rf"at step 2 .*Look into it: plusx replay '{run}'\. .*--resume .* --non-finite skip$"
    ):
        fit(data, **QUICK, epochs=1, rate=1e30, out=run)
    found = replay(run)
    assert plusx.replay(run, 2).path == found.path == run / "checkpoints" / "non-finite-2.pt"
    assert found.weights == ()
    assert found.largest[1] > 1e25
    (batch,) = found.batches
    assert batch.position.step == 1
    assert list(batch.passes) == ["fp32"]
    layer = batch.passes["fp32"].layer
    assert layer is not None
    assert layer.name.startswith("backbone.conv")
    lines = list(found.lines())
    assert f"first not finite: {layer.name} (" in "\n".join(lines)
    assert lines[-1].startswith("no image is finite by itself: it is the weights")
    assert found.to_json()["batches"][0]["passes"]["fp32"]["losses"]["cross-entropy"] == "nan"
    with pytest.raises(InputError, match=r"Nothing was kept of step '7'. There is: 2\.$"):
        replay(run, 7)
    with pytest.raises(NonFiniteLossError, match="It is not skipped: 3 steps before it were skipped already"):
        fit(resume=run, non_finite="skip")


def test_a_run_without_such_steps_has_nothing_to_replay(tmp_path: Path) -> None:
    run = fit(colour_folder(tmp_path / "data", 4), **QUICK, epochs=1, out=tmp_path / "run")
    with pytest.raises(InputError, match="holds no step that was not finite: there is nothing to replay"):
        replay(run)


def test_a_file_that_vanishes_stops_the_run_which_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data")
    straight = fit(data, **QUICK, epochs=2, out=tmp_path / "straight")
    victim = sorted((data / "red").iterdir())[3]
    content = victim.read_bytes()

    begun = begin(data, tmp_path / "run", "--epochs", "2", hold=victim)
    _, errors = begun.communicate(timeout=200)
    assert begun.returncode == 1, errors
    assert f"{victim.name}: there is no such file. All steps before are saved. Mend the file and go on with: " in errors
    assert f"plusx fit --resume {tmp_path / 'run'}; or leave such images out" in errors
    assert "Traceback" not in errors

    victim.write_bytes(content)
    assert same(fit(resume=tmp_path / "run").model, straight.model)


@pytest.mark.slow
def test_an_image_that_is_left_out_stands_in_the_report(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data")
    victim = sorted((data / "red").iterdir())[3]
    begun = begin(data, tmp_path / "run", "--epochs", "1", "--unreadable", "skip", hold=victim)
    _, errors = begun.communicate(timeout=200)
    assert begun.returncode == 0, errors
    text = f"Image red/{victim.name} could not be read: {victim}: there is no such file. It was left out of epoch 1"
    assert f"note: {text}" in errors
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "What happened during the run" in report
    assert text in report


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_killed_loading_process_changes_no_bit(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data")
    straight = fit(data, **QUICK, epochs=2, out=tmp_path / "straight")
    begun = begin(data, tmp_path / "run", "--epochs", "2", "--workers", "2")
    killed: list[int] = []
    deadline = time.monotonic() + 200
    while begun.poll() is None and not killed and time.monotonic() < deadline:
        if (tmp_path / "run" / "checkpoints" / "last.pt").exists():
            killed = children(begun.pid)[:1]
            for child in killed:
                os.kill(child, signal.SIGKILL)
        time.sleep(0.01)
    _, errors = begun.communicate(timeout=200)
    assert begun.returncode == 0, errors
    assert killed
    assert "note: A process that loads images was ended from outside" in errors
    assert same(tmp_path / "run" / "model.safetensors", straight.model)


SHELL = """
import os, sys
from pathlib import Path
from plusx.cli.main import main
from plusx.engine import train

hold = sys.argv[1]
if hold:
    before = train._Run.begin

    def begin(self, notes):
        before(self, notes)
        os.unlink(hold)

    train._Run.begin = begin
sys.exit(main(sys.argv[2:]))
"""


def begin(data: Path, run: Path, *more: str, hold: Path | None = None) -> "subprocess.Popen[str]":
    """`plusx fit` in a process; the file `hold` vanishes between the audit and the first step."""
    words = [
        word
        for name, value in QUICK.items()
        if name != "export"
        for word in (f"--{name.replace('_', '-')}", f"{value}")
    ]
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            SHELL,
            str(hold or ""),
            "fit",
            str(data),
            *words,
            "--no-export",
            "--out",
            str(run),
            *more,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
