"""Errors for users: what was found, what was expected, what to do. The command line prints them without a traceback."""

import difflib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import TypeVar

H = TypeVar("H", bound=Hashable)


class PlusxError(Exception):
    """Any failure that a user can mend. Its text says what was found, what was expected and what to do."""


class InputError(PlusxError, ValueError):
    """A setting, path or array that cannot be used."""


class DataError(InputError):
    """A data set, annotation or image that cannot be used; the text names file and field."""


class WeightsError(InputError):
    """A weights file that does not fit, is damaged or would execute code."""


class OfflineError(PlusxError, OSError):
    """A file that has to be downloaded and could not be; the text says which file to put where."""


class MissingExtraError(PlusxError, ImportError):
    """An optional library is needed; the text holds the command that installs it."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed. Install it with: pip install 'plusx[{extra}]'"
        )


class NonFiniteLossError(PlusxError, ArithmeticError):
    """Training met NaN or infinity; the text names the loss part, the step and the samples."""


class NonFiniteOutputError(PlusxError, ArithmeticError):
    """A model answered with NaN or infinity; the text says for how many images."""


class LostProcessError(PlusxError, RuntimeError):
    """Processes that work for this one were ended from outside, and new ones too."""


class OutOfMemoryError(PlusxError, MemoryError):
    """Memory ran out and no smaller part of the work is left to try; the text says what would need less."""


class InterruptedRunError(PlusxError):
    """A run was stopped from outside; everything is saved, and the text says how to go on.

    `terminated`: not by the user but by a scheduler, which may run it again.
    """

    def __init__(self, text: str, *, terminated: bool = False) -> None:
        super().__init__(text)
        self.terminated = terminated


class DisagreementError(PlusxError, RuntimeError):
    """An exported file does not give the results of the model it was made from."""


class StorageError(PlusxError, OSError):
    """A file could not be written (disk full, no permission); what was there before is untouched."""


class SaidError(PlusxError):
    """Another process of the same team has failed and says why."""


STUMBLES = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError, AssertionError)
"""What code meets in values that somebody else wrote; RecursionError is a RuntimeError."""


@contextmanager
def foreign(told: Callable[[str], PlusxError]) -> Iterator[None]:
    """What is stumbled over inside becomes `told(reason)`; errors for users pass. For values out of files."""
    try:
        yield
    except PlusxError:
        raise
    except STUMBLES as error:
        text = (str(error).splitlines() or [""])[0][:200]
        raise told(f"{type(error).__name__}: {text}") from error


def twice(names: Sequence[H]) -> list[H]:
    """Those that occur more than once, in the order of their first."""
    return [name for name, count in Counter(names).items() if count > 1]


FEW = 20
"""So many names are all said: more than there are heads, losses or formats, fewer than there are networks."""


def nearest(name: str, known: Iterable[str], count: int | None = 3) -> list[str]:
    """The `count` known names (None: all) most like `name`, best first; of equals those that begin alike."""
    matcher = difflib.SequenceMatcher(b=name.lower())  # remembers b

    def likeness(candidate: str) -> tuple[float, int]:
        matcher.set_seq1(candidate.lower())
        beginning = takewhile(lambda pair: pair[0] == pair[1], zip(candidate.lower(), name.lower(), strict=False))
        return matcher.ratio(), len(list(beginning))

    return sorted(known, key=likeness, reverse=True)[:count]


def unknown(what: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a list of names: says which three come nearest, and of few all the others."""
    every = nearest(name, known, None)
    hint = f" Did you mean {', '.join(every[:3])}?" if every else ""
    others = f" There are also {', '.join(every[3:])}." if 3 < len(every) <= FEW else ""
    return InputError(f"Unknown {what} {name!r}.{hint}{others}")
