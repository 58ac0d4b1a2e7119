"""A run that was stopped from outside, or for want of space: what is said, and how it goes on."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from plusx.core.errors import InterruptedRunError, StorageError
from plusx.engine.interrupt import Terminated
from plusx.workflows.directory import RunDirectory


def stopped(run: RunDirectory, by: str, when: str, *, terminated: bool) -> InterruptedRunError:
    """by: a signal's name. when: also what of the run is saved. terminated: by a scheduler, which may run it again."""
    text = f"Stopped by {by} {when}. Go on with: {command_to_go_on(run)}"
    if terminated:
        text += "\nA scheduler may run the same line again where it says --out and --resume auto: it then goes on."
    return InterruptedRunError(text, terminated=terminated)


def command_to_go_on(run: RunDirectory) -> str:
    return f"plusx fit --resume {shlex.quote(str(run.path))}"


@contextmanager
def said_how_to_go_on(run: RunDirectory, when: str) -> Iterator[None]:
    """Adds it to what stops the block: Ctrl-C or a signal (`when`: as in `stopped`), or a disk that is full."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise stopped(run, str(error) or "Ctrl-C", when, terminated=isinstance(error, Terminated)) from None
    except StorageError as error:
        raise StorageError(
            f"{error} Free some space, or let it be written to; then go on with: {command_to_go_on(run)}"
        ) from error
