"""The bar that shows how far the reading of files has come."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def reading_processes(asked: int | None) -> int:
    """For the audit, to which 0 means one for every core: none asked for is that; 0 is this process alone."""
    return 0 if asked is None else max(1, asked)


@contextlib.contextmanager
def reading_bar(console: Console, text: str) -> Iterator[Callable[[int, int], None]]:
    """Yields a function to be called with (done, total). Shows nothing where the console is not a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        row = bar.add_task(text, total=None)

        def progress(done: int, total: int) -> None:
            bar.update(row, completed=done, total=total)

        yield progress
