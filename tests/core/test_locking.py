import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from plusx.core import locking
from plusx.core.locking import locked, locked_at_once

HOLD = (
    "import sys, pathlib; from plusx.core.locking import locked\n"
    "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "锁 file.lock"


@pytest.fixture
def holder(lock: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that has the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, os.fspath(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"held"
        yield process
        process.kill()


@pytest.mark.parametrize("hold", [locked, locked_at_once])
def test_a_lock_holds_within_and_can_be_taken_again_after(
    hold: Callable[[Path], AbstractContextManager[None]], lock: Path
) -> None:
    for _ in range(2):
        with hold(lock), pytest.raises(BlockingIOError, match=r"锁 file\.lock"), locked_at_once(lock):
            pass
    assert lock.exists()


def test_what_another_process_has_is_refused_at_once_and_free_when_it_dies(
    lock: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    with pytest.raises(BlockingIOError), locked_at_once(lock):
        pass
    holder.kill()
    holder.wait()
    with locked_at_once(lock):
        pass


def test_or_waited_for(lock: Path, holder: "subprocess.Popen[bytes]") -> None:
    assert holder.stdin is not None
    ended = threading.Event()

    def end() -> None:
        ended.set()
        holder.communicate()

    timer = threading.Timer(0.2, end)
    timer.start()
    with locked(lock):
        assert ended.is_set()
    timer.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no copies of processes")
def test_a_copy_of_the_process_does_not_hold_what_it_held(lock: Path) -> None:
    """A loading process goes on for some seconds when the process that trained was killed."""
    script = (
        "import multiprocessing, os, pathlib, sys, time; from plusx.core.locking import locked_at_once\n"
        "with locked_at_once(pathlib.Path(sys.argv[1])):\n"
        "    multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,)).start()\n"
        "    print(multiprocessing.active_children()[0].pid, flush=True)\n"
        "    time.sleep(1)\n"  # for the copy to begin
        "    os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", script, os.fspath(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert process.wait(20) == -9
        try:
            with locked_at_once(lock):
                os.kill(child, 0)
        finally:
            os.kill(child, 9)


def test_an_error_within_lets_go(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked_at_once(lock):
        raise ZeroDivisionError
    with locked_at_once(lock):
        pass


def test_file_systems_without_locks_are_let_off_where_nobody_waits(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locking, "_try", refuse)
    monkeypatch.setattr(locking, "_wait", refuse)
    with locked_at_once(lock):
        pass
    with pytest.raises(OSError, match="No locks available"), locked(lock):
        pass


def test_a_place_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked_at_once(tmp_path / "none" / "lock"):
        pass
