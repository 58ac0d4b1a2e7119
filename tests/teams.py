"""Teams of real processes that train together (engine/member.py), and what they leave."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

MEMBER = Path(__file__).parent / "engine" / "member.py"


def teams(*wanted: tuple[int, tuple[str, ...], Path]) -> None:
    """Runs teams of so many processes, each the cases named, in a directory."""
    values = [{"world": world, "cases": cases, "directory": str(directory)} for world, cases, directory in wanted]
    subprocess.run([sys.executable, MEMBER, json.dumps(values)], timeout=300, check=True)


def said(directory: Path, rank: int = 0) -> Any:
    return json.loads((directory / f"said-{rank}.json").read_text(encoding="utf-8"))


def weights(directory: Path, world: int = 2) -> dict[str, torch.Tensor]:
    return torch.load(directory / f"weights-0-of-{world}.pt")


def check_history(found: list[dict[str, float]], expected: list[dict[str, float]]) -> None:
    for epoch, other in zip(found, expected, strict=True):
        figures = {name: value for name, value in epoch.items() if "second" not in name}
        assert figures == pytest.approx({name: other[name] for name in figures}, abs=1e-6)


def check_weights(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-6, rtol=1e-5)
