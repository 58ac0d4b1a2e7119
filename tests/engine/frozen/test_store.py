"""Maps on the disk: what was committed is there after anything, the rest is not."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from plusx.core.errors import StorageError
from plusx.engine.frozen.store import MapStore

SHAPE = (2, 3, 3)


def maps(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1).expand(-1, 2, 3, 3).half()


def test_rows_come_back_in_any_order(tmp_path: Path) -> None:
    store = MapStore(tmp_path / "s", 5, SHAPE)
    assert not store.has([0])
    store.put([3, 0], maps(3, 0.5))
    assert store.has([0, 3])
    assert not store.has([0, 1])
    assert store.get([0, 3, 0])[:, 0, 0, 0].tolist() == [0.5, 3, 0.5]
    assert store.get([3]).shape == (1, 2, 3, 3)
    store.close()


def test_another_process_sees_what_was_committed(tmp_path: Path) -> None:
    store = MapStore(tmp_path / "s", 4, SHAPE)
    store.put([1], maps(1))
    store.commit()
    store.put([2], maps(2))
    again = MapStore(tmp_path / "s", 4, SHAPE)
    assert again.done.tolist() == [False, True, False, False]
    assert torch.equal(again.get([1]), maps(1))
    store.commit()
    assert MapStore(tmp_path / "s", 4, SHAPE).has([1, 2])


def test_much_is_committed_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plusx.engine.frozen.store.COMMITTED", 2 * 18 * 2)
    store = MapStore(tmp_path / "s", 4, SHAPE)
    store.put([0], maps(1))
    assert not MapStore(tmp_path / "s", 4, SHAPE).has([0])
    store.put([1], maps(2))
    assert MapStore(tmp_path / "s", 4, SHAPE).has([0, 1])


def test_stores_that_are_begun_together_share_their_files(tmp_path: Path) -> None:
    first, second = MapStore(tmp_path / "s", 4, SHAPE), MapStore(tmp_path / "s", 4, SHAPE)
    first.put([0], maps(1))
    second.put([1], maps(2))
    for store in (first, second):
        store.commit()
    assert first.get([0])[0, 0, 0, 0] == 1
    assert torch.equal(MapStore(tmp_path / "s", 4, SHAPE).get([0, 1]), maps(1, 2))


def test_what_is_open_is_readable_when_it_is_taken_away(tmp_path: Path) -> None:
    store = MapStore(tmp_path / "s", 4, SHAPE)
    store.put([0], maps(1))
    shutil.rmtree(tmp_path / "s")
    store.put([1], maps(2))
    assert torch.equal(store.get([0, 1]), maps(1, 2))
    other = MapStore(tmp_path / "s", 4, SHAPE)
    assert not other.done.any()
    store.commit()
    store.close()


def test_rows_that_are_there_stay(tmp_path: Path) -> None:
    store = MapStore(tmp_path / "s", 4, SHAPE)
    store.put([0], maps(1))
    store.put([0, 1], maps(5, 6))
    assert torch.equal(store.get([0, 1]), maps(1, 6))


@pytest.mark.parametrize("about", [None, "{", '{"rows": 9, "shape": [2, 3, 3]}'])
def test_what_does_not_fit_is_begun_anew(tmp_path: Path, about: str | None) -> None:
    store = MapStore(tmp_path / "s", 4, SHAPE)
    store.put([0], maps(1))
    store.commit()
    if about is None:
        (tmp_path / "s" / "about.json").unlink()
    else:
        (tmp_path / "s" / "about.json").write_text(about)
    again = MapStore(tmp_path / "s", 4, SHAPE)
    assert not again.done.any()
    again.put([2], maps(7))
    assert again.get([2])[0, 0, 0, 0] == 7


def test_a_full_disk_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MapStore(tmp_path / "s", 4, SHAPE)

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("plusx.engine.frozen.store.os.write", full)
    with pytest.raises(StorageError, match=r"could not be kept in .*: No space left on device\."):
        store.put([0], maps(1))
    assert not store.has([0])


def test_a_place_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("")
    with pytest.raises(StorageError, match="could not be kept"):
        MapStore(tmp_path / "s", 4, SHAPE)
