"""How a run read its data, for other data that is to be read alike."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from plusx.data.formats.column_names import column_names
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import ReadingSettings, settings_from
from plusx.workflows.run import open_run

log = logging.getLogger("plusx")

_COLUMNS: Final = ("image_column", "label_column", "split_column", "group_column")
_AS_THEY_ARE: Final = ("separator", "missing_files")


def inherited(run: Path, data: Any, given: Collection[str] = ()) -> Mapping[str, Any]:
    """The run's settings for reading `data`, but for those that were `given` anew; none of a model file.

    A column counts only where `data` has it; where it has no columns at all, nothing does but how masks are read.
    Groups are not inherited where other ones are given: there can be one way of grouping.
    """
    if not run.is_dir():
        return {}
    names, saved = column_names(data), settings_from(FitSettings, open_run(run)[1]["settings"])
    masks: dict[str, Any] = {"boundary": saved.boundary} if saved.boundary and "boundary" not in given else {}
    if not names:
        return masks
    columns = {name: value for name in _COLUMNS if (value := getattr(saved, name)) and names.issuperset(_listed(value))}
    if "group_pattern" in given:
        columns.pop("group_column", None)
    found = {**masks, **columns, **{name: getattr(saved, name) for name in _AS_THEY_ARE}}
    return {name: value for name, value in found.items() if name not in given}


def warn_without_data(given: Collection[str]) -> None:
    """Says which of the settings have no effect on a run's own data."""
    useless = [field.name for field in fields(ReadingSettings) if field.name in given]
    if useless:
        log.warning("%s: no effect without DATA, for the run's own is read as the run read it", ", ".join(useless))


def _listed(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
