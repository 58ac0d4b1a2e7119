import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from plusx.engine import progress
from plusx.engine.observer import BeginInfo, EpochInfo, StepInfo
from plusx.engine.plan import Plan
from plusx.engine.progress import Progress, duration
from plusx.engine.train import train

INFO = StepInfo(step=1, epoch=1, samples=8, loss=0.5, mean_loss=0.25, rate=0.1)


def test_plain_lines_when_not_a_terminal(tiny: Any, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=40)
    scores = iter([0.5, 0.25])
    parts = tiny.parts(tmp_path, Progress(console), evaluate=lambda task: {"top-1": next(scores)}, primary="top-1")
    train(tiny.seeded(batch_norm=False), tiny.batches(), Plan(epochs=2), tiny.cpu, parts=parts)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2: loss 1.")
    assert "top-1 0.5 (best)" in lines[0]
    assert lines[0].endswith(" left")
    assert "top-1 0.25, " in lines[1]
    assert lines[1].endswith("images/s")


def test_long_epochs_say_something_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    console = Console(file=io.StringIO(), width=200)
    observer = Progress(console)
    observer.on_begin(BeginInfo(3, 2, 0, 0))
    observer.on_note("careful [bold]")
    observer.on_step(INFO)
    observer.on_end(None)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "note: careful [bold]"
    assert lines[1].startswith("epoch 1/3, step 1/2: loss 0.25, ")


def test_a_bar_in_a_terminal_that_is_not_redrawn_every_step() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    observer = Progress(console)
    observer.on_begin(BeginInfo(2, 10_000, 0, 0))
    observer.on_step(INFO)
    drawn = console.file.tell()
    for _ in range(100):
        observer.on_step(INFO)
    assert console.file.tell() < drawn + 3000
    observer.on_epoch(EpochInfo(1, 10_000, {"train/loss": 0.25, "train/images_per_second": 99.0}, "", False))
    observer.on_end("finished")
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1/10000" in shown
    assert "loss 0.25" in shown
    assert "epoch 1/2: loss 0.25, 99 images/s" in shown


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59.6, "1:00 min"), (185, "3:05 min"), (3723, "1:02:03 h")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
