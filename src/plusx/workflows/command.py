"""The call that makes a run again: its data and every setting that is not a default. Needs no torch."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import changed_from_default

_OF_THE_CALL = ("resume", "overwrite")  # say how this directory came about, not what is in it


def command_of(data: Path | str | None, settings: FitSettings) -> str:
    """A line for the shell; one of Python where the data were in memory (`data` None)."""
    changed = {name: value for name, value in changed_from_default(settings).items() if name not in _OF_THE_CALL}
    if data is None:
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in changed.items()}
        return f"plusx.fit({', '.join(['data', *(f'{name}={value!r}' for name, value in plain.items())])})"
    return shlex.join(["plusx", "fit", str(data), *words_of(changed)])


def words_of(settings: Mapping[str, Any]) -> list[str]:
    """As options of the shell. None is no word: such settings are left out."""
    return [
        word for name, value in settings.items() if value is not None for word in _words(name.replace("_", "-"), value)
    ]


def _words(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if isinstance(value, tuple):
        return [word for one in value for word in _words(name, one)]
    return [f"--{name}={value}"] if str(value).startswith("-") else [f"--{name}", str(value)]
