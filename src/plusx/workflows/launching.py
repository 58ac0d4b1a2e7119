"""`nproc`: the processes that train together are started here, by torch's own launcher, as `torchrun` would.

They are `plusx fit` once more, which finds in the environment that it is one of several. The launcher passes signals on
to them, starts all anew where one was lost (`max_restarts`), and leaves none behind.
"""

import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from plusx.core import errors
from plusx.core.errors import InputError, InterruptedRunError, PlusxError, SaidError
from plusx.engine.interrupt import Terminated
from plusx.engine.membership import FAILURE, LAUNCHED, RESULT
from plusx.workflows.command import words_of
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.run import Run

SIGNALS: Final = "SIGTERM,SIGINT,SIGHUP,SIGUSR1"
SECONDS_TO_SAVE: Final = 300  # before processes that were asked to stop are killed


def launch(data: Path | str | None, run: Path, settings: FitSettings, given: Mapping[str, Any]) -> Run:
    """Trains in `settings.nproc` processes and returns what they leave, or raises what they failed with.

    data: None where the run that goes on knows its own. run: its directory. given: what the user asked for.
    """
    kept = {name: getattr(settings, name) for name in given if name not in ("out", "resume")}
    place = {"resume": run} if isinstance(settings.resume, Path) else {"out": run}
    if settings.max_restarts and "overwrite" in kept:
        raise InputError(
            "--max-restarts goes on with what is in --out and --overwrite takes it away: leave one of them out."
        )
    words = ["-m", "plusx", "fit", *([] if data is None else [str(data)]), *words_of({**kept, **place})]
    with tempfile.TemporaryDirectory(prefix="plusx-") as name, _environment(Path(name), settings.nproc):
        _started(words, settings)
        return outcome(Path(name), run)


def _started(words: list[str], settings: FitSettings) -> None:
    """Returns when all have ended, however they did."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, launch_agent

    known = {field.name for field in fields(LaunchConfig)}
    newer: dict[str, Any] = {
        "signals_to_handle": SIGNALS,
        "shutdown_timeout": SECONDS_TO_SAVE,
    }
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=settings.nproc,
        run_id=f"plusx-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=settings.max_restarts,
        logs_specs=DefaultLogsSpecs(),
        **{name: value for name, value in newer.items() if name in known},
    )
    with _without_torch_logs(), contextlib.suppress(ChildFailedError, SignalException):
        launch_agent(config, sys.executable, words)


@contextlib.contextmanager
def _environment(word: Path, nproc: int) -> Iterator[None]:
    """What the processes find: where they leave word, and their share of the cores."""
    threads = str(max(1, (os.cpu_count() or 1) // nproc))
    added = {LAUNCHED: str(word), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)}
    added["TORCH_CPP_LOG_LEVEL"] = os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR")
    before = dict(os.environ)
    os.environ.update(added)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _without_torch_logs() -> Iterator[None]:
    """The launcher logs a traceback a process that fails; what there is to say is said here."""
    loggers = [logging.getLogger(name) for name in [*logging.root.manager.loggerDict] if "torch.distributed" in name]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def outcome(word: Path, run: Path) -> Run:
    """What the processes left word of."""
    if (word / RESULT).is_file():
        values: dict[str, Any] = json.loads((word / RESULT).read_text(encoding="utf-8"))
        values["history"] = tuple(values["history"])
        return Run(run, **values)
    if not (word / FAILURE).is_file():
        raise PlusxError(
            "The processes that train together ended without a word: most often memory ran out. Take a smaller batch "
            "size or fewer workers."
        )
    failure = json.loads((word / FAILURE).read_text(encoding="utf-8"))
    raise _error_of(failure["kind"], failure["text"], failure["terminated"])


def _error_of(kind: str, text: str, terminated: bool) -> BaseException:
    """The error that one of them ended with; SaidError for a fault, whose traceback it has shown."""
    if kind == InterruptedRunError.__name__:
        return InterruptedRunError(text, terminated=terminated)
    if kind in (KeyboardInterrupt.__name__, Terminated.__name__):
        return Terminated(text) if terminated else KeyboardInterrupt()
    found = getattr(errors, kind, None)
    if kind == "LostError":
        return PlusxError(text)
    if not (isinstance(found, type) and issubclass(found, PlusxError)):
        return SaidError()
    error = found.__new__(found)  # some take other words than their text
    error.args = (text,)
    return error
