import mmap
from pathlib import Path
from typing import Any

import pytest
import torch

from pictures import colour_folder
from plusx.core.batch import Batch
from plusx.core.errors import OutOfMemoryError
from plusx.engine import free_memory as free_memory_module
from plusx.engine.free_memory import forget_peak, free_memory, held, peak
from plusx.workflows import batch_size
from plusx.workflows.batch_size import Found, first, searched
from plusx.workflows.fit import fit
from plusx.workflows.run import open_run


def search(rates: dict[int, float | str], usual: int = 32, most: int = 256) -> Found:
    return searched(lambda size: rates[size], usual, most)


def test_it_doubles_while_that_pays() -> None:
    found = search({32: 100.0, 64: 150.0, 128: 160.0})
    assert (found.size, found.why) == (64, "a larger one is hardly faster")
    assert str(found) == ("batch size 64 (images/s 32: 100, 64: 150, 128: 160; a larger one is hardly faster)")


def test_it_ends_at_the_most_and_where_memory_does() -> None:
    assert search({32: 1.0, 64: 2.0}, most=100).size == 64
    found = search({32: 1.0, 64: 2.0, 128: "memory ran out"})
    assert (found.size, found.why) == (64, "128: memory ran out")


def test_it_halves_until_a_step_fits() -> None:
    found = search({32: "memory ran out", 16: "memory ran out", 8: 3.0})
    assert (found.size, found.why) == (8, "16 do not fit")
    with pytest.raises(
        OutOfMemoryError, match=r"Not even two images fit .*\(memory ran out\)\. Take a smaller --image-s"
    ):
        search(dict.fromkeys((1, 2, 4, 8, 16, 32), "memory ran out"))


def test_it_does_not_search_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_size, "SECONDS", -1.0)
    assert search({32: 1.0}).why == "measuring more takes too long"


def test_the_first_images_are_a_batch() -> None:
    batch = Batch(torch.arange(4.0)[:, None], torch.arange(4), ("a", "b", "c", "d"), torch.arange(4))
    part = first(batch, 3)
    assert part.names == ("a", "b", "c")
    assert part.targets is not None
    assert part.targets.tolist() == [0, 1, 2]


def test_memory_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_memory()
    assert free is not None
    assert 0 < free < 1 << 50
    if (before := held()) is not None:
        forget_peak()
        with mmap.mmap(-1, 64 << 20) as kept:  # new pages, where bytes might be given some that are held already
            kept.write(b"x" * len(kept))
            assert (peak() or 0) > before + (32 << 20)
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    monkeypatch.setattr(free_memory_module, "_GROUP", tmp_path)
    assert free_memory() == 600


def test_a_run_keeps_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    data = colour_folder(tmp_path / "data", 6)
    quick: dict[str, Any] = {
        "model": "resnet20",
        "workers": 0,
        "device": "cpu",
        "export": False,
        "out": tmp_path / "run",
    }
    run = fit(data, **quick, epochs=1, batch_size="auto")
    saved = open_run(run.path)[1]
    assert saved["settings"]["batch_size"] == "auto"
    assert saved["batch_size"] == 15
    assert "batch size 15 (images/s 15: " in capsys.readouterr().err
    assert len(fit(resume=run.path, epochs=2).history) == 2
