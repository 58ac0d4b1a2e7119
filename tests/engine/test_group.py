"""Real processes on this machine, two unless said otherwise, that train together over gloo."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

MEMBER = Path(__file__).parent / "member.py"
TIMEOUT = 180

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start(case: str, directory: Path, world: int = 2) -> list["subprocess.Popen[str]"]:
    port = str(free_port())
    members = []
    for rank in range(world):
        where = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world)}
        where |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCH_CPP_LOG_LEVEL": "ERROR"}
        command = [sys.executable, str(MEMBER), case, str(directory)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
        members.append(subprocess.Popen(command, env={**os.environ, **where}, **pipes))
    return members


def finish(members: list["subprocess.Popen[str]"]) -> list[dict[str, Any]]:
    answers = [member.communicate(timeout=TIMEOUT) for member in members]
    assert all(member.returncode == 0 for member in members), answers
    return [json.loads(output) for output, _ in answers]


def weights(directory: Path, rank: int = 0, world: int = 2) -> dict[str, torch.Tensor]:
    return torch.load(directory / f"weights-{rank}-of-{world}.pt")


ALIKE = ("plain", "averaged", "frozen first", "unused", "synchronised")


def test_two_processes_make_the_steps_of_one(tmp_path: Path) -> None:
    """And stop together where one is asked to; whatever number of processes goes on with the same batches."""
    cases = ",".join((*ALIKE, "norm", "interrupted"))
    first, second = finish(start(cases, tmp_path / "two"))
    shutil.copytree(tmp_path / "two" / "interrupted", tmp_path / "one" / "interrupted")
    (alone,) = finish(start(cases.replace("interrupted", "resumed"), tmp_path / "one", world=1))
    for case in ALIKE:
        assert first[case]["losses"] == second[case]["losses"] == pytest.approx(alone[case]["losses"], abs=1e-6), case
        check_history(first[case]["history"], alone[case]["history"])
        expected = weights(tmp_path / "one" / case, world=1)
        check_weights(weights(tmp_path / "two" / case), expected)
    assert first["norm"]["losses"] != pytest.approx(alone["norm"]["losses"], abs=1e-3)  # else this would prove nothing
    stopped = first["interrupted"], second["interrupted"]
    assert [(one["stopped"], one["steps"]) for one in stopped] == [("interrupted", 3)] * 2
    assert alone["resumed"]["stopped"] == "finished"
    continued = stopped[0]["losses"] + alone["resumed"]["losses"]
    assert continued == pytest.approx(alone["averaged"]["losses"], abs=1e-6)  # the average changes no step


def check_history(found: list[dict[str, float]], expected: list[dict[str, float]]) -> None:
    for epoch, other in zip(found, expected, strict=True):
        figures = {name: value for name, value in epoch.items() if "second" not in name}
        assert figures == pytest.approx({name: other[name] for name in figures}, abs=1e-6)


def check_weights(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("case", "words"),
    [("error", "InputError: No room for ünïcode here."), ("killed", "LostError: One of the 2 processes")],
)
def test_what_ends_one_ends_all_and_is_said_once(tmp_path: Path, case: str, words: str) -> None:
    members = start(case, tmp_path)
    said = [member.communicate(timeout=TIMEOUT)[1] for member in members]
    assert 0 not in [member.returncode for member in members]
    lines = [line for text in said for line in text.splitlines() if "Error:" in line and line != "SaidError: "]
    assert len(lines) == 1, said
    assert lines[0].startswith(words)
