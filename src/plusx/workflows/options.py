"""What an option of a verb is: a field with its help and its limits, read from the shell or from keywords.

Needs no torch, so that `plusx fit --help` answers at once.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from plusx.workflows.values import S, read_settings


def option(
    default: Any,
    help: str,  # noqa: A002 - the word the shell uses
    *,
    section: str = "",
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> Any:
    """A field with the text that `--help` shows, and the numbers it takes. `section`: the headline above it there."""
    limits = {"least": least, "above": above, "below": below, "most": most}
    return dataclasses.field(default=default, metadata={"help": help, "section": section, **limits})


def settings_from(cls: type[S], values: Mapping[str, Any], spell: Callable[[str], str] = str) -> S:
    """`cls(**values)`, each brought to its field's type; InputError that names all that do not exist or do not fit.

    `spell` turns a field's name into the word for it that the user wrote, such as `--batch-size`.
    """
    return read_settings(cls, values, spell)


def changed_from_default(settings: Any) -> dict[str, Any]:
    """The settings that differ from their defaults: what a report and a resumed run show."""
    fields = dataclasses.fields(settings)
    return {f.name: getattr(settings, f.name) for f in fields if getattr(settings, f.name) != f.default}


WORKERS = (
    "processes that load images; none: by the cores on Linux, 0 on macOS and Windows, where a script that asks for "
    'some needs if __name__ == "__main__"'
)


@dataclass(frozen=True)
class ReadingSettings:
    """What may be said of labelled images wherever they are read: the first settings of several verbs."""

    task: Literal["auto", "classify", "multilabel", "regress", "detect", "segment", "multilabel-segment"] = option(
        "auto", "what the labels are taken for; auto: what they look like", section="The data"
    )
    image_column: str | None = option(None, "column of a table that names the image; none: found by content")
    label_column: tuple[str, ...] | None = option(None, "column of a table with the label; several for several values")
    separator: str | None = option(None, "what stands between several labels of one image, e.g. ';'")
    split_column: str | None = option(None, "column of a table that says train, val or test")
    group_column: str | None = option(None, "column whose equal values stay on one side of the validation split")
    group_pattern: str | None = option(
        None, "regular expression on the file name, or with a / on the path; equal matches stay on one side"
    )
    missing_files: Literal["error", "skip"] = option("error", "rows of a table whose image is not there")
    boundary: int = option(
        0, "instance maps: pixels around where objects touch that are a class of their own; 0: no such class", least=0
    )
    exclude: Path | None = option(None, "file with one image name a line to leave out")
