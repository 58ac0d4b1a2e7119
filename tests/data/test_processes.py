import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plusx.data.processes import forking, hindrance, ignore_interrupt, starting

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are only copied on Linux")


def _wait() -> None:
    ignore_interrupt()
    time.sleep(0.2)


def test_children_outlive_an_interrupt_from_their_first_moment() -> None:
    context = forking()
    assert context is not None
    with starting():
        child = multiprocessing.get_context("fork").Process(target=_wait)
        child.start()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGINT)
    child.join()
    assert child.exitcode == 0


@pytest.mark.usefixtures("interruptible")
def test_the_parent_gets_an_interrupt_that_came_meanwhile() -> None:
    with pytest.raises(KeyboardInterrupt), starting():
        os.kill(os.getpid(), signal.SIGINT)


def test_the_parent_is_as_before_even_after_an_error() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(ZeroDivisionError), starting():
        assert 1 / 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_system_without_shared_locks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hindrance() is None

    def refuse() -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(multiprocessing.get_context(), "Lock", refuse)
    assert hindrance() == ("the system gives no locks to share between them: [Errno 38] Function not implemented")


LEAVES = """
import multiprocessing, sys, time
from plusx.data.processes import leaving_with_parent, outlive_termination

def wait():
    outlive_termination()
    print("ready", flush=True)
    time.sleep(60)

with leaving_with_parent():
    child = multiprocessing.get_context("fork").Process(target=wait, daemon=True)
    child.start()
time.sleep(1)
print(child.pid)
"""


def test_a_parent_that_ends_by_itself_does_not_wait_for_those_that_outlive_sigterm() -> None:
    done = subprocess.run([sys.executable, "-c", LEAVES], capture_output=True, text=True, timeout=15)
    assert done.returncode == 0, done.stderr
    ready, pid = done.stdout.split()
    assert ready == "ready"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


WAITS = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from plusx.data.processes import forking, wait_for_work

with ProcessPoolExecutor(2, forking(), initializer=wait_for_work) as pool:
    print(*{pool.submit(time.sleep, 0.2) and pool.submit(os.getpid).result() for _ in range(4)}, flush=True)
    time.sleep(60)
"""


def test_children_that_wait_for_work_leave_with_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert children
    deadline = time.monotonic() + 10
    while any(map(_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_alive, children))


def _alive(pid: int) -> bool:
    """Whether it runs; what nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
