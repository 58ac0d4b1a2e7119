import errno
import os
from pathlib import Path
from typing import Any

import pytest

from plusx.core.errors import DataError
from plusx.data.images import file_bytes, read_image
from plusx.data.patience import patiently, why

WAITS = (0.0, 0.0, 0.0)


class Failing:
    """Raises `errors` one after the other, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "there"


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ECONNRESET])
def test_a_disk_that_comes_back_is_waited_for(number: int) -> None:
    found = patiently(Failing(*[system(number)] * 3), WAITS)
    assert (found.value, found.tries) == ("there", 4)
    assert os.strerror(number) in found.trouble
    with pytest.raises(OSError, match=os.strerror(number)):
        patiently(Failing(*[system(number)] * 4), WAITS)


@pytest.mark.parametrize("error", [DataError("a.png: damaged"), system(errno.ENOENT), MemoryError()])
def test_anything_else_that_is_wrong_with_a_file_gets_a_second_try(error: Exception) -> None:
    assert patiently(Failing(error), WAITS).tries == 2
    with pytest.raises(type(error)):
        patiently(Failing(error, error), WAITS)


def test_functions_that_fail_in_their_own_way_are_not_called_twice() -> None:
    failing = Failing(KeyError("a"))
    with pytest.raises(KeyError):
        patiently(failing, WAITS)
    assert failing.calls == 1


def test_the_reason_is_found_below_the_error_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [system(errno.EIO)] * 2

    def fails(path: Path) -> bytes:
        if errors:
            raise errors.pop()
        return b"there"

    monkeypatch.setattr(Path, "read_bytes", fails)
    assert patiently(lambda: file_bytes(Path("a.png")), WAITS).tries == 3


def test_errors_without_words_have_a_reason() -> None:
    assert why(MemoryError()) == "memory ran out"
    assert why(KeyError()) == "KeyError"
    assert why(ValueError("x")) == "x"


def test_no_file_is_read_again_when_all_is_well(tmp_path: Path) -> None:
    calls: list[Any] = []
    assert patiently(lambda: calls.append(1)).tries == 1
    assert calls == [1]
    with pytest.raises(DataError, match="there is no such file"):
        patiently(lambda: read_image(tmp_path / "a.png"), (0.0,))
