"""Verbs whose keywords are the fields of their settings: what `help(plusx.fit)` and an editor's completion show."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from plusx.workflows.values import hints_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

F = TypeVar("F", bound=Callable[..., Any])


def takes(settings: "type[DataclassInstance]") -> Callable[[F], F]:
    """Decorator of a verb `f(..., **settings)`: the fields stand in its signature and, explained, in its docstring."""
    hints = hints_of(settings)
    fields = {field.name: field for field in dataclasses.fields(settings)}
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[name])
        for name, field in fields.items()
    ]
    lines = [f"    {name}={field.default!r}: {field.metadata['help']}" for name, field in fields.items()]

    def enrich(function: F) -> F:
        own = inspect.signature(function)
        kept = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        assert len(kept) < len(own.parameters), f"{function.__name__} takes no **settings"
        function.__signature__ = own.replace(parameters=[*kept, *keywords])  # type: ignore[attr-defined]
        function.__doc__ = "\n".join([inspect.getdoc(function) or "", "", "Settings:", *lines])
        return function

    return enrich
