import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from plusx.core.errors import NonFiniteLossError, StorageError
from plusx.engine import checkpoint, saving
from plusx.engine.plan import Plan
from plusx.engine.saving import HostCopies, Saver, write_all
from plusx.engine.state import State
from plusx.engine.train import train


def content_at(step: int, value: float = 0.0, **state: Any) -> dict[str, Any]:
    return {
        "task": {"weight": torch.full((4, 3), value)},
        "average": None,
        "primary": "top-1",
        "state": State(step=step, **state).to_json(),
    }


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Nothing is written before it opens: a disk as slow as the test wants it."""
    opened = threading.Event()
    real = saving.write_all

    def slowly(*arguments: Any) -> None:
        assert opened.wait(20)
        real(*arguments)

    monkeypatch.setattr(saving, "write_all", slowly)
    return opened


def test_what_the_loop_changes_meanwhile_is_not_what_is_written(tmp_path: Path, gate: threading.Event) -> None:
    saver, content = Saver(tmp_path, 2), content_at(1)
    saver.save(content)
    content["task"]["weight"].fill_(9)
    content["state"]["step"] = 9
    assert not checkpoint.exists(tmp_path)
    gate.set()
    saver.wait()
    written = checkpoint.read(tmp_path / "last.pt")
    assert written["state"]["step"] == 1
    assert written["task"]["weight"].eq(0).all()


def test_a_save_waits_for_the_one_before(tmp_path: Path, gate: threading.Event) -> None:
    saver = Saver(tmp_path, 2)
    saver.save(content_at(1, 1.0))
    second = threading.Thread(target=saver.save, args=(content_at(2, 2.0),))
    second.start()
    time.sleep(0.05)
    assert second.is_alive()
    gate.set()
    second.join()
    saver.wait()
    assert checkpoint.read(tmp_path / "previous.pt")["task"]["weight"].eq(1).all()
    assert checkpoint.read(tmp_path / "last.pt")["task"]["weight"].eq(2).all()


def test_an_error_of_the_thread_is_raised_in_the_loop_once(tmp_path: Path) -> None:
    directory = tmp_path / "gone"
    for raised_by in ("check", "wait", "save"):
        saver = Saver(directory, 2)
        saver.save(content_at(1))
        if raised_by != "wait":
            assert saver._thread is not None
            saver._thread.join()
        with pytest.raises(StorageError, match=r"last\.pt could not be written: No such file or directory"):
            getattr(saver, raised_by)(*([content_at(2)] if raised_by == "save" else []))
        saver.wait()


def test_copies_share_no_memory_and_keep_layout_and_order() -> None:
    images = torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last)
    state: Any = nn.BatchNorm2d(3).state_dict()
    content = {"a": [images, {"b": (1, "x")}], "module": state, "none": None}
    copies = HostCopies()
    first = copies.of(content)
    assert first["a"][0].stride() == images.stride()
    assert first["a"][1] == {"b": (1, "x")}
    assert first["module"]._metadata == state._metadata
    assert torch.equal(first["a"][0], images)
    kept = first["a"][0]
    images.add_(1)
    assert not torch.equal(kept, images)
    assert copies.of(content)["a"][0] is kept
    assert torch.equal(kept, images)


def test_the_best_weights_are_written_after_the_state_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real = checkpoint.write
    monkeypatch.setattr(checkpoint, "write", lambda path, content: (order.append(path.name), real(path, content)))
    write_all(tmp_path, content_at(3, epoch=1))
    assert order == []
    write_all(tmp_path, content_at(3, 5.0, epoch=2, best_epoch=2, best_metric=0.5, at_best=True))
    assert order == ["best.pt"]
    assert checkpoint.read(tmp_path / "last.pt")["state"]["best_epoch"] == 2
    best = checkpoint.read(tmp_path / "best.pt")
    assert (best["metric"], best["epoch"]) == (0.5, 2)
    assert best["task"]["weight"].eq(5).all()


def test_an_error_of_the_loop_loses_no_save(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last save is still being written when the loop fails."""
    real = saving.write_all

    def slowly(*arguments: Any) -> None:
        time.sleep(0.2)
        real(*arguments)

    monkeypatch.setattr(saving, "write_all", slowly)

    def spoil(batch: Any, generator: torch.Generator) -> Any:
        prepared = tiny.prepare(batch, generator)
        count.append(1)
        if len(count) == 3:
            prepared.images.fill_(float("nan"))
        return prepared

    count: list[int] = []
    task = tiny.seeded(batch_norm=False)
    parts = tiny.parts(tmp_path, prepare=spoil, checkpoint_minutes=0.0)
    with pytest.raises(NonFiniteLossError):
        train(task, tiny.batches(), Plan(epochs=1), tiny.cpu, parts=parts)
    assert checkpoint.read(tmp_path / "last.pt")["state"]["step"] == 2


def test_a_disk_that_fills_ends_the_training_and_an_error_beside_it_is_said(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = saving.write_all

    def full(directory: Path, content: dict[str, Any], keep: int) -> None:
        if content["state"]["step"] > 0:
            raise StorageError("the disk is full")
        real(directory, content, keep)

    monkeypatch.setattr(saving, "write_all", full)
    listener = tiny.listener()
    parts = tiny.parts(tmp_path, listener, checkpoint_minutes=0.0)
    with pytest.raises(StorageError, match="the disk is full"):
        train(tiny.seeded(), tiny.batches(), Plan(epochs=3), tiny.cpu, parts=parts)
    assert len(listener.steps) <= 2
    assert checkpoint.read(tmp_path / "last.pt")["state"]["step"] == 0
