"""Several shards at once, each in a process of its own; stopped with Ctrl-C within an image."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from pathlib import Path

from plusx.core.errors import PlusxError
from plusx.core.sample import Listing, Sample
from plusx.data.processes import forking, hindrance, starting, wait_for_work
from plusx.data.shards.plan import Task
from plusx.data.shards.write import Form, Written, write_shard

_AHEAD = 2  # tasks a process that are handed out before their turn


def write_all(
    tasks: Sequence[Task], listing: Listing, out: Path, form: Form, workers: int
) -> Iterator[tuple[Task, Written]]:
    """Every task with what came of it, as they are done. workers: 0 for one a core.

    Samples in memory and functions are read in this process, for they are the user's own. KeyboardInterrupt passes
    through, with all begun shards taken back.
    """
    context = forking()
    cores = len(os.sched_getaffinity(0)) if context else 1
    workers = min(workers or cores, len(tasks))
    if workers <= 1 or context is None or hindrance() is not None or not _all_files(listing):
        for task in tasks:
            yield task, write_shard(task, _samples(task, listing), listing.classes, out, form, _never)
        return
    stop = context.Event()
    executor = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(stop,))
    try:
        calls = (
            (task, lambda task=task: executor.submit(_write, task, _samples(task, listing), listing.classes, out, form))
            for task in tasks
        )
        yield from _done(calls, workers * _AHEAD)
    except BrokenProcessPool as error:
        raise PlusxError(
            "A process that writes shards was ended from outside. Most often memory ran out: use fewer workers."
        ) from error
    finally:
        stop.set()
        executor.shutdown(wait=True, cancel_futures=True)


def _done(calls: Iterable[tuple[Task, Callable[[], Future[Written]]]], ahead: int) -> Iterator[tuple[Task, Written]]:
    waiting: dict[Future[Written], Task] = {}
    for task, submit in calls:
        with starting():
            waiting[submit()] = task
        while len(waiting) >= ahead:
            yield from _finished(waiting)
    while waiting:
        yield from _finished(waiting)


def _finished(waiting: dict[Future[Written], Task]) -> Iterator[tuple[Task, Written]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        yield waiting.pop(future), future.result()


def _all_files(listing: Listing) -> bool:
    return all(isinstance(sample.image, Path) for samples in listing.splits.values() for sample in samples)


def _samples(task: Task, listing: Listing) -> list[Sample]:
    """One by one: a part of a compact list would carry the whole list to the other process."""
    samples = listing.splits[task.split]
    return [samples[position] for position in range(task.begin, task.end)]


_stop: Event | None = None


def _begin(stop: Event) -> None:
    global _stop
    wait_for_work()
    _stop = stop


def _stopped() -> bool:
    return _stop is not None and _stop.is_set()


def _never() -> bool:
    return False


def _write(task: Task, samples: Sequence[Sample], classes: tuple[str, ...], out: Path, form: Form) -> Written:
    return write_shard(task, samples, classes, out, form, _stopped)
