"""From the JSON values of a model file to the frozen configuration of a task, with every mistake named."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, fields
from typing import Any, ClassVar, Protocol, TypeVar

from plusx.core.errors import InputError, twice, unknown


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
    return kind(**{key: _frozen(value) for key, value in values.items()})


def _frozen(value: Any) -> Any:
    """Lists, and those in them, as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def to_json(configuration: Configuration) -> dict[str, Any]:
    """The values that `read` makes an equal configuration of."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(configuration).items()}


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
