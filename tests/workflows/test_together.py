"""`fit` in two processes on this machine, and on two that are network namespaces."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from pictures import colour_folder
from plusx.core.errors import InputError
from plusx.core.ranks import Ranks
from plusx.engine.membership import of_environment
from plusx.weights.create import create_model
from plusx.workflows.explaining import check_together
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings

PLUSX = [sys.executable, "-m", "plusx"]
WORDS = ["--model", "resnet20", "--batch-size", "8", "--workers", "0", "--no-export"]
WORDS += ["--device", "cpu", "--precision", "fp32", "--compile", "no"]
TIMEOUT = 400

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's signals to children")


def begin(data: Path, run: Path, *more: str) -> "subprocess.Popen[str]":
    command = [*PLUSX, "fit", str(data), *WORDS, "--out", str(run), *more]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.Popen(command, env={**os.environ, "PYTHONWARNINGS": "ignore"}, **pipes)


def wait_for_steps(run: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + TIMEOUT
    while not (run / "metrics.jsonl").exists() or not (run / "metrics.jsonl").read_bytes():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def members_of(run: Path) -> list[int]:
    """Process numbers of those that train in `run`, without the one that started them."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if os.fsencode(run) in words and b"RANK=" in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return sorted(found)


def test_two_processes_leave_one_run_and_speak_once(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "颜色 data")
    process = begin(data, tmp_path / "run", "--nproc", "2", "--epochs", "2", "--sync-norm")
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors
    assert output.count("Report:") == 1
    assert errors.count("run directory:") == 1
    assert errors.count("epoch 2/2") == 1
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["settings"]["nproc"] == 2
    assert (tmp_path / "run" / "report.html").is_file()
    assert members_of(tmp_path / "run") == []


def test_a_divided_model_leaves_a_whole_one(tmp_path: Path) -> None:
    process = begin(
        colour_folder(tmp_path / "data"), tmp_path / "run", "--nproc", "2", "--epochs", "1", "--shard-model"
    )
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors
    assert output.count("Report:") == 1
    assert "divided over the processes" in errors
    check_whole(tmp_path / "run")


def check_whole(run: Path) -> None:
    """The model file holds what the architecture has."""
    expected = create_model("resnet20", classes=3).state_dict()
    found = load_file(run / "model.safetensors")
    assert {name: tensor.shape for name, tensor in found.items()} == {name: t.shape for name, t in expected.items()}


def test_data_in_memory_cannot_be_read_by_other_processes(tmp_path: Path) -> None:
    images = [[[[0, 0, 0]] * 8] * 8] * 4
    with pytest.raises(InputError, match="nproc starts other processes, which read the data anew"):
        fit((images, [0, 1, 0, 1]), nproc=2, out=tmp_path / "run", device="cpu")


@pytest.mark.parametrize(
    ("settings", "world", "text"),
    [
        ({}, 1, "--shard-model divides the training over several processes, and there is one"),
        ({"compile": "yes"}, 2, "--compile yes does not go together with --shard-model"),
        ({"channels_last": "yes"}, 2, "--channels-last yes does not go together with --shard-model"),
        ({"precision": "fp16"}, 2, "--precision fp16 does not go together with --shard-model"),
        ({"device": "mps"}, 2, "--device mps does not go together with --shard-model"),
        ({"time_limit": 60.0}, 2, "--time-limit does not go together with --shard-model"),
    ],
)
def test_what_does_not_go_together_with_a_divided_model(settings: dict[str, Any], world: int, text: str) -> None:
    with pytest.raises(InputError, match=text):
        check_together(FitSettings(shard_model=True, **settings), world)


ENVIRONMENT = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "1"}


def test_what_a_launcher_says() -> None:
    assert of_environment({"RANK": "0", "WORLD_SIZE": "1"}) is None
    assert of_environment({**ENVIRONMENT, "WORLD_SIZE": "1", "RANK": "0"}) is None
    member = of_environment({**ENVIRONMENT, "GROUP_RANK": "1", "TORCHELASTIC_RESTART_COUNT": "3"})
    assert member is not None
    assert (member.ranks, member.machine, member.attempt, member.word) == (Ranks(1, 2), 1, 3, None)


@pytest.mark.slow
def test_a_run_that_lost_a_process_ends_with_the_same_bits(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data")
    words = ("--nproc", "2", "--epochs", "6")
    undisturbed = begin(data, tmp_path / "whole", *words)
    assert undisturbed.wait(timeout=TIMEOUT) == 0
    process = begin(data, tmp_path / "killed", *words, "--max-restarts", "2")
    wait_for_steps(tmp_path / "killed", process)
    os.kill(members_of(tmp_path / "killed")[-1], signal.SIGKILL)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    assert all(one[name].equal(other[name]) for name in one)


@pytest.mark.slow
def test_ctrl_c_stops_all_and_one_process_goes_on(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data")
    process = begin(data, tmp_path / "run", "--nproc", "2", "--epochs", "40")
    wait_for_steps(tmp_path / "run", process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130, errors
    assert errors.count("everything is saved") == 1
    assert "Traceback" not in errors
    assert members_of(tmp_path / "run") == []
    continued = subprocess.run(
        [*PLUSX, "fit", "--resume", tmp_path / "run", "--nproc", "1"], timeout=TIMEOUT, check=False
    )
    assert continued.returncode == 0


@pytest.mark.slow
def test_a_launcher_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    process = begin(colour_folder(tmp_path / "data"), tmp_path / "run", "--nproc", "2", "--epochs", "400")
    wait_for_steps(tmp_path / "run", process)
    process.kill()
    process.communicate(timeout=TIMEOUT)
    deadline = time.monotonic() + 60
    while members_of(tmp_path / "run"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


HOSTS = """
set -e
for n in 1 2; do ip netns add $P$n; ip -n $P$n link set lo up; done
ip link add ${P}a netns ${P}1 type veth peer name ${P}b netns ${P}2
ip -n ${P}1 addr add 10.77.0.1/24 dev ${P}a; ip -n ${P}1 link set ${P}a up
ip -n ${P}2 addr add 10.77.0.2/24 dev ${P}b; ip -n ${P}2 link set ${P}b up
"""


@pytest.mark.slow
def test_two_machines(tmp_path: Path) -> None:
    """Each is a network namespace of its own, joined to the other by a pair of virtual devices."""
    prefix = f"px{os.getpid()}"
    made = subprocess.run(["bash", "-c", HOSTS], env={**os.environ, "P": prefix}, capture_output=True, check=False)
    data = colour_folder(tmp_path / "data")
    try:
        if made.returncode:
            pytest.skip(f"network namespaces are not permitted here: {made.stderr.decode()}")
        hosts = []
        for number, device in ((1, "a"), (2, "b")):
            torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
            torchrun += ["--node-rank", str(number - 1), "--master-addr", "10.77.0.1", "--master-port", "29511"]
            fit = ["-m", "plusx", "fit", str(data), *WORDS, "--epochs", "2", "--out", str(tmp_path / "run")]
            command = ["ip", "netns", "exec", f"{prefix}{number}", *torchrun, *fit]
            environment = {**os.environ, "GLOO_SOCKET_IFNAME": f"{prefix}{device}", "PYTHONWARNINGS": "ignore"}
            environment["PLUSX_CACHE"] = str(tmp_path / f"cache {number}")  # as on a disk of its own
            pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
            hosts.append(subprocess.Popen(command, env=environment, **pipes))
        said = [host.communicate(timeout=TIMEOUT) for host in hosts]
    finally:
        for number in (1, 2):
            subprocess.run(["ip", "netns", "del", f"{prefix}{number}"], capture_output=True, check=False)
    assert [host.returncode for host in hosts] == [0, 0], said
    assert "Report:" in said[0][0]
    assert "Report:" not in said[1][0]
