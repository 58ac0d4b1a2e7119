"""Variant: a backbone's class and the settings of one line of its paper's table."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Generic, TypeVar

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError, unknown
from plusx.core.registry import Registry

C = TypeVar("C")


@dataclass(frozen=True)
class Variant(Generic[C]):
    """`config`: frozen dataclass; `backbone(config, in_channels, output_stride)` builds the network."""

    backbone: Callable[[C, int, int], Backbone]
    config: C


VARIANTS: Registry[Variant[Any]] = Registry("architecture")


def changed(config: C, settings: Mapping[str, Any], name: str) -> C:
    """`config` with `settings` in place of its own values; lists, as JSON has them, become tuples.

    Raises InputError for a setting that there is not, or whose value is of another type. `name`: the architecture's.
    """
    current = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}  # pyrefly: ignore
    values: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in current:
            raise unknown(f"setting of {name}", key, current)
        value = tuple(value) if isinstance(value, list) else value
        wanted = type(current[key])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise InputError(f"setting {key} of {name} is {value!r}; expected {wanted.__name__}, e.g. {current[key]!r}")
        if isinstance(value, tuple) and not set(map(type, value)) <= set(map(type, current[key])):
            raise InputError(f"setting {key} of {name} is {value!r}; expected numbers of the kind {current[key]!r}")
        values[key] = value
    return dataclasses.replace(config, **values)  # pyrefly: ignore


def at_least(minimum: int, **values: int) -> None:
    """InputError for a setting that is no whole number, or one below `minimum`."""
    for key, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise InputError(f"{key} is {value!r}; expected a whole number, {minimum} or more")
        if value < minimum:
            raise InputError(f"{key} is {value}; expected {minimum} or more")


def one_of(known: tuple[str, ...], **values: str) -> None:
    """InputError for a setting that is none of the `known` words."""
    for key, value in values.items():
        if value not in known:
            raise InputError(f"{key} is {value!r}; expected one of {', '.join(map(repr, known))}")
