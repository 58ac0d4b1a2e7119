import sqlite3
import threading
from pathlib import Path

import pytest

from plusx.data.inspection import cache as module
from plusx.data.inspection.cache import Stamp, recall, remember
from plusx.data.inspection.facts import Facts

FACTS = Facts("ab", 3, 4, "cut-off", "why", 5, b"\0x", b"hash", b"\xff" * 768, "PNG", "I;16", 16, 2, 6)
STAMP = Stamp(10, 123)


def test_nothing_is_known_without_a_cache(tmp_path: Path) -> None:
    remember(None, {"/a": STAMP}, {"/a": FACTS})
    assert recall(None, {"/a": STAMP}) == {}
    assert recall(tmp_path / "new.db", {"/a": STAMP}) == {}
    assert recall(tmp_path / "new.db", {}) == {}


def test_unchanged_files_are_known_and_changed_ones_are_not(tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "down" / "audit.db"
    remember(cache, {"/a": STAMP, "/b": STAMP}, {"/a": FACTS, "/b": Facts()})
    assert recall(cache, {"/a": STAMP, "/b": STAMP, "/c": STAMP}) == {"/a": FACTS, "/b": Facts()}
    assert recall(cache, {"/a": Stamp(11, 123), "/b": Stamp(10, 124)}) == {}


def test_new_facts_replace_old_ones(tmp_path: Path) -> None:
    cache = tmp_path / "audit.db"
    remember(cache, {"/a": STAMP}, {"/a": Facts()})
    remember(cache, {"/a": Stamp(11, 124)}, {"/a": FACTS})
    assert recall(cache, {"/a": STAMP}) == {}
    assert recall(cache, {"/a": Stamp(11, 124)}) == {"/a": FACTS}


def test_many_files_and_names_that_are_no_text(tmp_path: Path) -> None:
    cache = tmp_path / "audit.db"
    stamps = {f"/\udcff{i}": STAMP for i in range(1234)}
    remember(cache, stamps, dict.fromkeys(stamps, FACTS))
    assert recall(cache, stamps) == dict.fromkeys(stamps, FACTS)


@pytest.mark.parametrize("damage", ["not a database", "cut", "overwritten"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "audit.db"
    stamps = {f"/{i}": STAMP for i in range(500)}
    remember(cache, stamps, dict.fromkeys(stamps, FACTS))
    content = cache.read_bytes()
    if damage == "not a database":
        cache.write_bytes(b"x" * 5000)
    elif damage == "cut":
        cache.write_bytes(content[: len(content) // 2])
    else:
        cache.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    assert recall(cache, stamps) == {}
    remember(cache, stamps, dict.fromkeys(stamps, FACTS))
    assert recall(cache, stamps) == dict.fromkeys(stamps, FACTS)


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for cache in (tmp_path, tmp_path / "file" / "audit.db"):
        remember(cache, {"/a": STAMP}, {"/a": FACTS})
        assert recall(cache, {"/a": STAMP}) == {}
    assert (tmp_path / "file").read_text() == ""


def test_another_program_version_reads_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "audit.db"
    remember(cache, {"/a": STAMP}, {"/a": FACTS})
    monkeypatch.setattr(module, "READER", "3 99.0")
    assert recall(cache, {"/a": STAMP}) == {}


def test_all_or_none_is_written(tmp_path: Path) -> None:
    cache = tmp_path / "audit.db"
    remember(cache, {"/a": STAMP}, {"/a": Facts()})
    with pytest.raises(KeyError):
        remember(cache, {"/a": Stamp(9, 9)}, {"/a": FACTS, "/b": FACTS})
    with sqlite3.connect(cache) as database:
        assert database.execute("select count(*) from facts_2").fetchone() == (1,)
    database.close()


def test_several_audits_write_at_once(tmp_path: Path) -> None:
    cache = tmp_path / "audit.db"
    names = [f"/{i}" for i in range(8)]
    threads = [threading.Thread(target=remember, args=(cache, {n: STAMP}, {n: FACTS})) for n in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recall(cache, dict.fromkeys(names, STAMP)) == dict.fromkeys(names, FACTS)
