"""Silence without touching anyone else's warning filters."""

import threading
import warnings

import pytest

from plusx.data.quiet import QuietPillow


def warn_as(module: str) -> None:
    warnings.warn_explicit("odd metadata", UserWarning, "x.py", 1, module=module)


def test_only_pillow_is_silenced_and_only_inside() -> None:
    with QuietPillow():
        warn_as("PIL.TiffImagePlugin")
        with pytest.raises(UserWarning, match="odd metadata"):
            warn_as("elsewhere")
    with pytest.raises(UserWarning, match="odd metadata"):
        warn_as("PIL.TiffImagePlugin")


def test_filters_are_as_before_whichever_thread_leaves_last() -> None:
    quiet, before = QuietPillow(), list(warnings.filters)
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with quiet:
            inside.set()
            leave.wait(5)

    thread = threading.Thread(target=stay)
    with quiet:
        thread.start()
        inside.wait(5)
    warn_as("PIL.Image")
    leave.set()
    thread.join()
    assert list(warnings.filters) == before
