import contextlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.core.errors import InputError
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import option, settings_from
from plusx.workflows.values import Seconds, convert, read_settings

OPTIONAL_INT = int | None
MODE = Literal["fast", "slow"]


@dataclass(frozen=True)
class Toy:
    epochs: int | None = option(None, "", least=1)
    share: float = option(0.5, "", above=0, below=1)
    fill: float = option(1.0, "", least=0, most=1)
    mode: MODE = option("fast", "")
    out: Path | None = option(None, "")
    columns: tuple[str, ...] = option((), "")
    strict: bool = option(False, "")


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (int, "12", 12),
        (int, " 12 ", 12),
        (int, np.int64(3), 3),
        (float, "3e-4", 3e-4),
        (float, 1, 1.0),
        (float, np.float32(0.5), 0.5),
        (Seconds, "90", Seconds(90)),
        (Seconds, 90, Seconds(90)),
        (Seconds, "90s", Seconds(90)),
        (Seconds, "1.5m", Seconds(90)),
        (Seconds, "2H", Seconds(7200)),
        (str, "none", "none"),
        (OPTIONAL_INT, "none", None),
        (OPTIONAL_INT, None, None),
        (OPTIONAL_INT, "7", 7),
        (Path, "图片/一.png", Path("图片/一.png")),
        (Path, Path("a"), Path("a")),
        (tuple[str, ...], "a", ("a",)),
        (tuple[str, ...], ["a", "b"], ("a", "b")),
        (tuple[str, ...] | None, None, None),
        (MODE, "slow", "slow"),
        (MODE | None, "none", None),
        (bool, True, True),
    ],
)
def test_values_become_what_the_field_is_declared_as(hint: Any, value: Any, expected: Any) -> None:
    found = convert(hint, value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (int, "1.5", "a whole number"),
        (int, 1.0, "a whole number"),
        (int, True, "a whole number"),
        (int, "1_000", "a whole number"),
        (int, None, "a whole number"),
        (OPTIONAL_INT, "three", "a whole number or none"),
        (float, "fast", "a number"),
        (float, "nan", "a number"),
        (float, math.inf, "a number"),
        (float, False, "a number"),
        (float, [1.0], "a number"),
        (bool, "yes", "True or False"),
        (bool, 1, "True or False"),
        (str, 3, "text"),
        (Path, "", "a path"),
        (Path, 3, "a path"),
        (tuple[str, ...], 3, "one or several texts"),
        (tuple[str, ...], [1], "one or several texts"),
        (MODE, "Fast", "one of fast, slow"),
        (MODE | None, [], "one of fast, slow or none"),
    ],
)
def test_what_does_not_fit_says_what_was_expected(hint: Any, value: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{expected}$"):
        convert(hint, value)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_read_from_its_text_is_that_number(number: float) -> None:
    assert convert(type(number), repr(number)) == number


@given(st.text())
def test_text_is_a_finite_number_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert math.isfinite(convert(float, text))


def test_all_that_is_wrong_is_named_in_one_error() -> None:
    with pytest.raises(InputError) as caught:
        read_settings(Toy, {"epoch": 3, "epochs": 0, "share": "1", "mode": "medium", "strict": "yes"})
    assert str(caught.value).splitlines() == [
        "Unknown setting 'epoch'. Did you mean epochs, out, mode?",
        "epochs: found 0, expected at least 1.",
        "share: found '1', expected less than 1.",
        "mode: found 'medium', expected one of fast, slow.",
        "strict: found 'yes', expected True or False.",
    ]


def test_limits_exclude_their_ends_where_they_say_so() -> None:
    with pytest.raises(InputError, match="share: found 0, expected more than 0"):
        read_settings(Toy, {"share": 0})
    with pytest.raises(InputError, match=r"fill: found 1\.5, expected at most 1"):
        read_settings(Toy, {"fill": 1.5})
    assert read_settings(Toy, {"fill": 1}) == Toy()
    assert read_settings(Toy, {"share": 0.999, "epochs": 1}) == Toy(epochs=1, share=0.999)


def test_errors_are_in_the_words_that_the_user_wrote() -> None:
    with pytest.raises(InputError, match=r"^--epochs: found 'x', expected a whole number or none\.$"):
        settings_from(Toy, {"epochs": "x"}, lambda name: f"--{name}")
    with pytest.raises(InputError, match=r"^Unknown option '--epoch'\. Did you mean --epochs"):
        settings_from(Toy, {"epoch": "3"}, lambda name: f"--{name}")


def test_without_values_all_defaults_hold() -> None:
    assert settings_from(Toy, {}) == Toy()


@pytest.mark.parametrize("value", ["", "m", "ten", "1_0m", "nanm", True, "10 minutes"])
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(ValueError, match=r"^seconds, or a time such as 90s, 10m, 2h or none$"):
        convert(Seconds | None, value)


def test_a_time_is_written_as_a_number() -> None:
    assert str(convert(Seconds, "1.5m")) == "90"


def test_the_nearest_of_many_choices_are_said() -> None:
    with pytest.raises(InputError, match=r"expected one of .* Did you mean a3, a1, a2\?$"):
        read_settings(FitSettings, {"recipe": "a3x"})
