"""From the JSON values of a model file to the frozen configuration of a task, with every mistake named."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from plusx.core.errors import InputError, twice, unknown
from plusx.nn.losses import create as losses
from plusx.nn.losses.loss import Loss


class Configuration(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


C = TypeVar("C", bound=Configuration)


def read(kind: type[C], task: str, values: Mapping[str, Any]) -> C:
    """`kind` made of `values`; lists become tuples. InputError for a key that is unknown or missing."""
    known = {field.name: field for field in fields(kind)}
    for key in values:
        if key not in known:
            raise unknown(f"setting of the task {task}", key, known)
    for name, field in known.items():
        if field.default is MISSING and name not in values:
            raise InputError(f"The task {task} needs the setting {name!r}; found only {sorted(values)}")
    return kind(**{key: _loss(value) if key == "loss" else _frozen(value) for key, value in values.items()})


def _frozen(value: Any) -> Any:
    """Lists, and those in them, as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _loss(value: Any) -> Loss | None:
    return value if value is None or isinstance(value, Loss) else losses.from_json(value)


def to_json(configuration: Configuration) -> dict[str, Any]:
    """The values that `read` makes an equal configuration of. The usual loss, None, is left out, as it always was."""
    values = {field.name: _plain(getattr(configuration, field.name)) for field in fields(configuration)}
    return {name: value for name, value in values.items() if name != "loss" or value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Loss):
        return losses.to_json(value)
    return list(value) if isinstance(value, tuple) else value


def check_names(task: str, what: str, names: Sequence[str]) -> None:
    """InputError unless there is at least one name and each comes once."""
    if isinstance(names, str) or not names:
        raise InputError(f"The task {task} needs the {what} as a list of at least one name, not {names!r}")
    repeated = sorted(twice(names))
    if repeated:
        raise InputError(f"The task {task} has {what} that occur twice: {', '.join(repeated)}. Give each its own name.")


def check_share(task: str, what: str, value: float) -> None:
    """InputError unless 0 ≤ value < 1."""
    if not 0.0 <= value < 1.0:
        raise InputError(f"The task {task} needs {what} from 0 to below 1, not {value}")


def check_smoothing(task: str, label_smoothing: float, loss: Loss | None) -> None:
    """InputError where both say something of it."""
    if loss is not None and label_smoothing:
        raise InputError(
            f"The task {task} has the loss {loss.name} and label_smoothing {label_smoothing}, which is for the task's "
            "usual loss; leave it at 0 and give the loss its own, where it has a setting for it"
        )


def check_weights(task: str, what: str, weights: Sequence[float] | None, classes: Sequence[str]) -> None:
    """InputError unless there is one positive weight a class; None is always right."""
    if weights is None:
        return
    if len(weights) != len(classes):
        raise InputError(f"The task {task} has {len(classes)} classes but {len(weights)} {what}; give one a class")
    wrong = [
        f"{name}: {weight}" for name, weight in zip(classes, weights, strict=True) if not 0 < weight < float("inf")
    ]
    if wrong:
        raise InputError(f"The task {task} needs {what} above 0; found {', '.join(wrong)}")
