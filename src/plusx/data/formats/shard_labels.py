"""Labels in shards of others: a text, or JSON in which one field is the label."""

import json
from collections.abc import Mapping
from typing import Any, Final

from plusx.core.errors import DataError

FIELDS: Final = ("label", "labels", "class", "cls", "value", "values")
"""Fields of JSON that are taken for the label, in this order, unless one is named."""


def foreign_label(text: str, where: str, column: str | tuple[str, ...] | None) -> Any:
    """Text, number, or a tuple of these. DataError where JSON has no such field."""
    if not text.startswith("{"):
        return text
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"{where}: its label is no JSON ({error}).") from error
    asked = (column,) if isinstance(column, str) else column
    if asked:
        values = [_field(found, name, where) for name in asked]
        return values[0] if len(values) == 1 else tuple(values)
    for name in FIELDS:
        if name in found:
            return _field(found, name, where)
    raise DataError(
        f"{where}: none of the fields {', '.join(FIELDS)} is in its JSON; found {', '.join(found) or 'nothing'}. Name "
        "one with --label-column. Boxes and masks are read only from shards that `plusx shard` wrote."
    )


def _field(found: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in found:
        raise DataError(f"{where}: its JSON has no field {name!r}; found {', '.join(found)}.")
    value = found[name]
    if isinstance(value, dict):
        raise DataError(f"{where}: the field {name!r} of its JSON is an object; expected text, a number or a list.")
    return tuple(value) if isinstance(value, list) else value
