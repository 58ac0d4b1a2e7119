"""scripts/environment with a Python and a uv that only write down what they are asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "environment"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the script is for a POSIX shell")

PYTHON = """#!/bin/sh
echo "python $*" >>"$LOG"
if [ "$2" = venv ]; then
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    if [ "$VENV_FAILS" ]; then exit 1; fi
fi
if [ "$2 $3" = 'pip --version' ]; then exit "${PIP_MISSING:-0}"; fi
"""
UV = """#!/bin/sh
echo "uv $1 $2" >>"$LOG"
exit "${UV_FAILS:-0}"
"""


class Checkout:
    """A copy of what the script reads, and the machine that it runs on."""

    def __init__(self, root: Path) -> None:
        self.root, self.venv, self.log = root, root / ".venv", root / "log"
        (root / "scripts").mkdir()
        (root / "bin").mkdir()
        shutil.copy(SCRIPT, root / "scripts")
        for name, text in {"pyproject.toml": "[project]", "constraints.txt": "torch==2.15.0"}.items():
            (root / name).write_text(text, encoding="utf-8")
        self.program("python3", PYTHON)

    def program(self, name: str, text: str) -> None:
        (self.root / "bin" / name).write_text(text, encoding="utf-8")
        (self.root / "bin" / name).chmod(0o755)

    def run(self, **environment: str) -> tuple[int, list[str]]:
        """The exit status, and the programs that were called to make something."""
        self.log.write_text("", encoding="utf-8")
        path = f"{self.root / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
        variables = {"PATH": path, "LOG": str(self.log), "PYTHON": "python3", "VENV": ".venv", **environment}
        done = subprocess.run(["/bin/sh", "scripts/environment"], cwd=self.root, env=variables, capture_output=True)
        calls = self.log.read_text(encoding="utf-8").splitlines()
        return done.returncode, [
            call for call in calls if not call.startswith(("python -c", "python -m pip --version"))
        ]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """With uv."""
    made = Checkout(tmp_path)
    made.program("uv", UV)
    return made


MADE = ["python -m venv .venv", "uv pip install"]


def test_made_once(checkout: Checkout) -> None:
    assert checkout.run() == (0, MADE)
    assert checkout.run() == (0, [])


def test_other_requirements_are_installed_into_it(checkout: Checkout) -> None:
    checkout.run()
    (checkout.root / "constraints.txt").write_text("torch==2.16.0", encoding="utf-8")
    (checkout.venv / "kept").touch()
    assert checkout.run() == (0, ["uv pip install"])
    assert (checkout.venv / "kept").exists()


def test_interrupted_while_creating_is_made_anew(checkout: Checkout) -> None:
    status, calls = checkout.run(VENV_FAILS="1")
    assert (status, calls) == (1, MADE[:1])
    (checkout.venv / "half a package").touch()
    assert checkout.run() == (0, MADE)
    assert not (checkout.venv / "half a package").exists()


def test_interrupted_while_updating_is_made_anew(checkout: Checkout) -> None:
    checkout.run()
    (checkout.venv / ".ready").unlink()
    assert checkout.run() == (0, MADE)


def test_an_environment_of_the_users_own_is_never_deleted(checkout: Checkout) -> None:
    (checkout.venv / "bin").mkdir(parents=True)
    shutil.copy(checkout.root / "bin" / "python3", checkout.venv / "bin" / "python")
    (checkout.venv / "theirs").touch()
    assert checkout.run() == (0, ["uv pip install"])
    assert (checkout.venv / "theirs").exists()


def test_without_uv_a_missing_pip_is_added(checkout: Checkout) -> None:
    (checkout.root / "bin" / "uv").unlink()
    (checkout.venv / "bin").mkdir(parents=True)
    shutil.copy(checkout.root / "bin" / "python3", checkout.venv / "bin" / "python")
    _, calls = checkout.run(PIP_MISSING="1")
    assert calls[0] == "python -m venv .venv"
