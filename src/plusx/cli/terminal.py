"""What the terminal shows: text that it can always print, the messages of plusx, and no noise of other libraries."""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def prepared_terminal(debug: bool) -> Iterator[None]:
    """Within it, printing never fails for want of a letter, and the logger `plusx` speaks on standard error."""
    for stream in (sys.stdout, sys.stderr):
        _make_printable(stream)
    logger = logging.getLogger("plusx")
    handler = _Speaker()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    try:
        with warnings.catch_warnings():
            if not debug and not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Speaker(logging.Handler):
    """A line a record; warnings and worse say so."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        print(prefix + record.getMessage(), file=sys.stderr)


def _make_printable(stream: object) -> None:
    """Letters that the terminal lacks are shown as \\x.. escapes. Pipes and files get UTF-8 unless told otherwise."""
    if not isinstance(stream, io.TextIOWrapper):
        return
    if stream.isatty() or "PYTHONIOENCODING" in os.environ:
        stream.reconfigure(errors="backslashreplace")
    else:
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
