"""Losses by name, and as JSON: `{"name": "focal", "gamma": 2.0}`."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from plusx.core.errors import InputError, unknown
from plusx.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from plusx.nn.losses.class_balanced import ClassBalanced
from plusx.nn.losses.cross_entropy import CrossEntropy
from plusx.nn.losses.early_learning import EarlyLearning
from plusx.nn.losses.focal import Focal
from plusx.nn.losses.generalised_cross_entropy import GeneralisedCrossEntropy
from plusx.nn.losses.logit_adjustment import LogitAdjustment
from plusx.nn.losses.loss import Loss, LossOfSeveral
from plusx.nn.losses.symmetric_cross_entropy import SymmetricCrossEntropy

_ALL: Final[tuple[type[Loss], ...]] = (
    CrossEntropy,
    BinaryCrossEntropy,
    Focal,
    ClassBalanced,
    LogitAdjustment,
    SymmetricCrossEntropy,
    GeneralisedCrossEntropy,
    EarlyLearning,
)

LOSSES: Final = MappingProxyType({kind.name: kind for kind in _ALL})
"""Of one class out of several."""

LOSSES_OF_SEVERAL: Final = MappingProxyType({kind.name: kind for kind in _ALL if issubclass(kind, LossOfSeveral)})
"""Of any number of classes at once."""


def to_json(loss: Loss) -> dict[str, Any]:
    """What `from_json` makes an equal loss of."""
    values = {field.name: getattr(loss, field.name) for field in fields(loss)}  # type: ignore[arg-type]
    return {"name": loss.name} | {key: _plain(value) for key, value in values.items()}


def from_json(values: Mapping[str, Any]) -> Loss:
    """InputError for an unknown name or setting, with the nearest, and for a value out of range."""
    if not isinstance(values, Mapping) or not isinstance(values.get("name"), str):
        raise InputError(f'A loss is written as {{"name": "focal", ...}}; found {values!r}')
    kind = loss_named(values["name"])
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    given = {key: value for key, value in values.items() if key != "name"}
    for key in given:
        if key not in known:
            raise unknown(f"setting of the loss {kind.name}", key, known)
    try:
        return kind(**{key: _value(value) for key, value in given.items()})
    except TypeError as error:
        raise InputError(f"The loss {kind.name} has a setting of the wrong type ({error}); found {given}") from error


def loss_named(name: str) -> type[Loss]:
    """InputError with the nearest names where there is none."""
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]


def _plain(value: Any) -> Any:
    if isinstance(value, Loss):
        return to_json(value)
    return list(value) if isinstance(value, tuple) else value


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return from_json(value)
    return tuple(value) if isinstance(value, list) else value
