import errno
import json
import os
import sys
from pathlib import Path

import pytest

from plusx.core.errors import StorageError
from plusx.core.storage import clear_leftovers, replacing, write_text


def test_text_arrives_whole_and_in_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "运行" / "设置.json"
    path.parent.mkdir()
    write_text(path, "é 花\n")
    assert path.read_bytes() == "é 花\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["设置.json"]


def test_a_failing_block_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyError("in between")

    with pytest.raises(KeyError, match="in between"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        StorageError, match=r"a\.txt could not be written: No space left on device\. What was there before is untouched"
    ):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        write_text(tmp_path / "missing" / "a.txt", "x")


def test_other_storage_errors_pass_unchanged(tmp_path: Path) -> None:
    def refuse() -> None:
        with replacing(tmp_path / "a"):
            raise StorageError("said already")

    with pytest.raises(StorageError, match=r"^said already$"):
        refuse()


def test_what_is_written_can_be_read_by_others(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_only_what_was_left_half_written_is_cleared(tmp_path: Path) -> None:
    stay = [".settings.json", "settings.json", ".other.abcd1234.json", ".settings.abcd1234.json.bak"]
    for name in (*stay, ".settings.abcd1234.json", ".settings.0_______.json"):
        (tmp_path / name).touch()
    clear_leftovers(tmp_path, ["settings.json"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stay)


def test_names_that_are_no_text_can_be_written_and_read_again_as_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff") if sys.platform != "win32" else "\udcff"
    write_text(tmp_path / "a.json", json.dumps({"data": f"花/{name}"}, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"data": f"花/{name}"}
