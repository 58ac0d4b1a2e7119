"""Starting child processes that neither print tracebacks on Ctrl-C nor need the user's script to be importable."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize


def forking() -> BaseContext | None:
    """Copies of this process where that is safe (Linux): they share all that is in memory. Elsewhere None."""
    return multiprocessing.get_context("fork") if sys.platform == "linux" else None


def hindrance() -> str | None:
    """Why no child processes can be started here; None where they can. They need locks, which Linux keeps in /dev/shm.

    Sandboxes and some cloud functions have none.
    """
    try:
        multiprocessing.get_context().Lock()
    except (OSError, ImportError) as error:
        return f"the system gives no locks to share between them: {error}"
    return None


_PARENTS = {signal.SIGINT, getattr(signal, "SIGUSR1", signal.SIGINT)}


def wait_for_work() -> None:
    """How a child of a pool begins."""
    ignore_interrupt()
    leave_with_killed_parent()


def ignore_interrupt() -> None:
    """For child processes: Ctrl-C and a scheduler's SIGUSR1 reach the whole group, and it is the parent who decides."""
    for number in _PARENTS:
        signal.signal(number, signal.SIG_IGN)


def leave_with_killed_parent() -> None:
    """For children that wait for work: a parent that is killed takes nothing back, and they would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


GRACE = 20
"""Seconds that a loading process goes on after SIGTERM."""


def outlive_termination() -> None:
    """For loading processes: `timeout` and schedulers send SIGTERM to the whole group, and the parent still needs a
    batch to end its step and save. They end with the parent, or GRACE seconds later."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(GRACE))


@contextmanager
def leaving_with_parent() -> Iterator[None]:
    """Children started inside are killed when this process ends by itself: its end waits for its children, which would
    answer the SIGTERM that it sends them GRACE seconds later."""
    before = {child.pid for child in multiprocessing.active_children()}
    yield
    for child in multiprocessing.active_children():
        if child.pid not in before:
            Finalize(None, _kill, (weakref.ref(child),), exitpriority=0)


def _kill(reference: "weakref.ref[BaseProcess]") -> None:
    child = reference()
    if child is not None and child.is_alive():
        child.kill()


@contextmanager
def starting() -> Iterator[None]:
    """Children started inside never see Ctrl-C or SIGUSR1, not even before `ignore_interrupt`.

    The parent gets them afterwards.

    What is set inside for the death of children is taken back: torch's loaders would raise an error wherever the parent
    happens to be, in the middle of an update of weights too. Who waits for a child sees that it is gone.

    From 3.12 on Python warns when a process with threads is copied. PyTorch's loaders take that risk too: the children
    only read and decode images, and touch nothing that another thread may have locked.
    """
    before = signal.getsignal(signal.SIGCHLD) if _may_handle() else None
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _PARENTS) if sys.platform == "linux" else None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
            yield
    finally:
        if before is not None:
            signal.signal(signal.SIGCHLD, before)
        if blocked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _may_handle() -> bool:
    """Whether there are such signals, and this is the thread that may have a say in them."""
    return sys.platform != "win32" and threading.current_thread() is threading.main_thread()
