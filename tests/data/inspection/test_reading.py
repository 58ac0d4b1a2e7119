import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plusx.core.errors import PlusxError
from plusx.core.sample import Sample
from plusx.data.inspection import reading
from plusx.data.inspection.facts import Facts
from plusx.data.inspection.reading import read_all

Encode = Callable[..., bytes]


def _silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def samples(tmp_path: Path, jpeg: Encode) -> list[Sample]:
    paths = [tmp_path / f"{i}.jpg" for i in range(70)]
    for i, path in enumerate(paths):
        path.write_bytes(jpeg(16, 16 + i))
    return [Sample(path, None, path.name) for path in paths]


def test_no_samples() -> None:
    assert read_all([], None, 0, _silent) == []


def test_same_facts_for_any_number_of_workers(samples: list[Sample]) -> None:
    found = [read_all(samples, None, workers, _silent) for workers in (1, 2, 3)]
    assert found[0] == found[1] == found[2]
    assert [facts.width for facts in found[0]] == list(range(16, 86))


def test_progress_goes_from_what_is_known_to_all(samples: list[Sample], tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    cache = tmp_path / "cache" / "audit.db"
    samples.append(Sample(np.zeros((4, 4), dtype=np.uint8), None, "memory"))
    read_all(samples, cache, 2, lambda done, total: reports.append((done, total)))
    assert reports == [*((done, 71) for done in (0, 16, 32, 48, 64, 70)), (71, 71)]
    reports.clear()
    read_all(samples, cache, 2, lambda done, total: reports.append((done, total)))
    assert reports == [(70, 71), (71, 71)]


def test_known_files_are_not_read_again(
    samples: list[Sample], tmp_path: Path, jpeg: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache" / "audit.db"
    first = read_all(samples, cache, 1, _silent)
    (tmp_path / "3.jpg").write_bytes(jpeg(40, 50))
    (tmp_path / "5.jpg").unlink()
    read: list[str] = []
    inspect = reading.inspect_file

    def spy(path: str) -> Facts:
        read.append(Path(path).name)
        return inspect(path)

    monkeypatch.setattr(reading, "inspect_file", spy)
    again = read_all(samples, cache, 1, _silent)
    assert read == ["3.jpg", "5.jpg"]
    assert (again[3].height, again[3].width, again[5].problem) == (40, 50, "missing")
    assert again[6:] == first[6:]


def test_a_file_that_several_samples_name_is_read_once(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[tuple[int, int]] = []
    facts = read_all(samples[:2] * 3, None, 1, lambda done, total: reports.append((done, total)))
    assert reports[-1] == (2, 2)
    assert facts == facts[:2] * 3


def test_files_are_known_by_their_place_not_by_how_it_is_written(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache" / "audit.db"
    read_all(samples, cache, 1, _silent)
    monkeypatch.chdir(tmp_path)
    reports: list[tuple[int, int]] = []
    read_all([Sample(Path("3.jpg"), None, "3")], cache, 1, lambda done, total: reports.append((done, total)))
    assert reports == [(1, 1)]


def test_a_reader_that_was_killed_is_explained(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "inspect_file", _killed)
    if reading.forking() is None:
        pytest.skip("threads are not killed")
    with pytest.raises(PlusxError, match=r"ended from outside\. .* use fewer workers"):
        read_all(samples, None, 2, _silent)


def _killed(path: str) -> Facts:
    os.kill(os.getpid(), signal.SIGKILL)
    return Facts()


def test_long_readings_are_kept_on_the_way(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(reading, "_KEEP_EVERY", 0.0)
    monkeypatch.setattr(reading, "remember", lambda _cache, _stamps, found: kept.append(len(found)))
    read_all(samples, tmp_path / "audit.db", 1, _silent)
    assert kept == [16, 16, 16, 16, 6, 0]


def test_an_interrupt_keeps_what_was_read(samples: list[Sample], tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "audit.db"

    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_all(samples, cache, 2, interrupt)
    reports: list[tuple[int, int]] = []
    read_all(samples, cache, 2, lambda done, total: reports.append((done, total)))
    assert reports[0] == (16, 70)


def test_threads_read_where_no_processes_can_be_started(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "hindrance", lambda: "no locks")
    monkeypatch.setattr(reading, "ProcessPoolExecutor", None)
    assert [facts.width for facts in read_all(samples, None, 3, _silent)] == list(range(16, 86))


def test_threads_read_where_processes_would_begin_with_the_users_script(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(reading, "ProcessPoolExecutor", None)
    assert [facts.width for facts in read_all(samples, None, 3, _silent)] == list(range(16, 86))


def test_a_file_that_could_not_be_read_is_tried_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = tmp_path / "a.png", tmp_path / "audit.db"
    Image.new("RGB", (9, 9)).save(path)

    def fail(self: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as away:
        away.setattr(Path, "read_bytes", fail)
        assert read_all([Sample(path, None, "a")], cache, 1, _silent)[0].problem == "unreadable"
    assert read_all([Sample(path, None, "a")], cache, 1, _silent)[0].problem == ""
