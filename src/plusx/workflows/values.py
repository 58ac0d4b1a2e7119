"""Values of settings: text from the shell or objects from Python become what the field is declared as, or an error."""

import contextlib
import dataclasses
import functools
import math
import operator
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from plusx.core.errors import InputError, nearest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")

Spell: TypeAlias = Callable[[str], str]
"""From a setting's name to the word for it that the user wrote: `batch_size` in Python, `--batch-size` in the shell."""


class Seconds(float):
    """A time: a number of seconds, or text such as 90, 90s, 10m, 1.5h."""

    def __str__(self) -> str:
        return f"{float(self):g}"


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WORDS = {
    **{str: "text", int: "a whole number", float: "a number", bool: "True or False", Path: "a path"},
    Seconds: "seconds, or a time such as 90s, 10m, 2h",
}


@dataclasses.dataclass(frozen=True)
class Limits:
    """Which numbers a field takes; declared in its metadata under these names."""

    least: float | None = None
    above: float | None = None
    below: float | None = None
    most: float | None = None

    @staticmethod
    def of(field: "dataclasses.Field[Any]") -> "Limits":
        return Limits(**{key: field.metadata.get(key) for key in ("least", "above", "below", "most")})

    def check(self, value: Any) -> Any:
        """`value` itself; ValueError whose text is what was expected. Values that are no numbers pass."""
        if not isinstance(value, int | float):
            return value
        if self.least is not None and value < self.least:
            raise ValueError(f"at least {self.least:g}")
        if self.above is not None and value <= self.above:
            raise ValueError(f"more than {self.above:g}")
        if self.below is not None and value >= self.below:
            raise ValueError(f"less than {self.below:g}")
        if self.most is not None and value > self.most:
            raise ValueError(f"at most {self.most:g}")
        return value


def read_settings(cls: type[S], values: Mapping[str, Any], spell: Spell = str) -> S:
    """`cls(**values)` with every value brought to its field's type; text is read as the shell would.

    InputError naming every unknown setting (with the three nearest) and every value that does not fit. `spell` turns
    a field's name into the word for it that the user wrote, such as `--batch-size`.
    """
    hints, limits = hints_of(cls), {field.name: Limits.of(field) for field in dataclasses.fields(cls)}
    problems: list[str] = []
    converted: dict[str, Any] = {}
    for name, value in values.items():
        if name not in hints:
            problems.append(unknown_setting(name, hints, spell))
            continue
        try:
            converted[name] = limits[name].check(convert(hints[name], value))
        except ValueError as error:
            problems.append(f"{spell(name)}: found {value!r}, expected {error}.{near(hints[name], value)}")
    if problems:
        raise InputError("\n".join(problems))
    return cls(**converted)


MANY = 4
"""Choices from which on the nearest are said by themselves."""


def near(hint: Any, value: Any) -> str:
    """The choices of `hint` that a misspelt `value` comes near to; nothing where there are few."""
    choices = [one for member in members_of(hint) if get_origin(member) is Literal for one in get_args(member)]
    if not isinstance(value, str) or len(choices) < MANY:
        return ""
    return f" Did you mean {', '.join(nearest(value, choices))}?"


def unknown_setting(name: str, known: Mapping[str, Any], spell: Spell = str) -> str:
    """What to say of a setting that does not exist."""
    what = "option" if spell(name).startswith("-") else "setting"
    return f"Unknown {what} {spell(name)!r}. Did you mean {', '.join(map(spell, nearest(name, known)))}?"


def hints_of(cls: "type[DataclassInstance]") -> dict[str, Any]:
    """Field name → declared type, in order."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def convert(hint: Any, value: Any) -> Any:
    """`value` as `hint`: str, int, float, bool, Path, Literal, tuple[str, ...], or the first of several that it fits.

    Raises ValueError whose text is what was expected.
    """
    optional, hint = split_optional(hint)
    if optional and (value is None or value == "none"):
        return None
    try:
        return _convert(hint, value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(expected(hint) + (" or none" if optional else "")) from None


def split_optional(hint: Any) -> tuple[bool, Any]:
    """(whether None is allowed, the type without None)."""
    members = members_of(hint)
    if NoneType not in members:
        return False, hint
    return True, functools.reduce(operator.or_, (member for member in members if member is not NoneType))


def members_of(hint: Any) -> tuple[Any, ...]:
    """The types that `hint` is a choice of."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def expected(hint: Any) -> str:
    """`hint` in words."""
    if len(members := members_of(hint)) > 1:
        return " or ".join(map(expected, members))
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    return "one or several texts" if get_origin(hint) is tuple else _WORDS[hint]


def _convert(hint: Any, value: Any) -> Any:
    if len(members := members_of(hint)) > 1:
        return _first_fitting(members, value)
    if get_origin(hint) is Literal:
        return _checked(value, value in get_args(hint))
    if get_origin(hint) is tuple:
        return (value,) if isinstance(value, str) else tuple(_convert(str, item) for item in value)
    if hint is Path:
        return _checked(Path(os.fspath(value)), value != "")  # Path("") would be the current directory
    if hint in (int, float):
        return _number(hint, value)
    if hint is Seconds:
        return _seconds(value)
    return _checked(value, isinstance(value, hint))


def _first_fitting(hints: tuple[Any, ...], value: Any) -> Any:
    for hint in hints:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            return _convert(hint, value)
    raise ValueError


def _number(hint: type[int] | type[float], value: Any) -> int | float:
    """Python would read "1_000" as a number and True as 1; to a user both are slips."""
    _checked(value, not isinstance(value, bool))
    if isinstance(value, str):
        return _checked(number := hint(value), "_" not in value and math.isfinite(number))
    return operator.index(value) if hint is int else _checked(number := float(value), math.isfinite(number))


def _seconds(value: Any) -> Seconds:
    unit = _UNITS.get(value[-1:].lower()) if isinstance(value, str) else None
    return Seconds(_number(float, value) if unit is None else _number(float, value[:-1]) * unit)


def _checked(value: Any, fits: bool) -> Any:
    if not fits:
        raise ValueError
    return value
