"""ReadOptions: what a user may say about a data set that its content does not say clearly enough."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from plusx.core.errors import InputError
from plusx.core.sample import Kind


@dataclass(frozen=True)
class ReadOptions:
    """All optional: without them the readers decide by content and write down in `Listing.notes` what they decided.

    InputError for a pattern that is no regular expression, and for two ways of grouping at once.
    """

    image_column: str | None = None  # column of a table that names the image
    label_column: str | tuple[str, ...] | None = None  # several columns: several values, or 0/1 for every class
    separator: str | None = None  # between several labels of one image; "": labels are never taken apart
    split_column: str | None = None  # column that says train, val or test
    group_column: str | None = None  # equal values are never split between training and validation
    group_pattern: str | None = None  # regular expression on the file name: its first group, or the whole match; one
    # with a slash looks at the path below the data's root
    classes: tuple[str, ...] | None = None  # names and order of the classes, e.g. those of a trained model
    validation_data: Any = None  # a second source of any kind, which becomes the split "val"
    kind: Kind | None = None  # what the labels are to be taken for, where they could be two things
    boundary: int = 0  # instance maps: width in pixels of a class of its own where objects touch; 0: no such class
    missing_files: Literal["skip", "error"] = "skip"  # rows or annotations whose image does not exist
    cache: Path | None = None  # folder outside of the data where the places of images in large files are kept
    exclude: frozenset[str] = frozenset()  # names of images to leave out, whatever is wrong with them
    broken: Literal["error", "finding"] = "error"  # boxes, masks and labels that nothing can be learned from

    def __post_init__(self) -> None:
        if self.group_column is not None and self.group_pattern is not None:
            raise InputError("group_column and group_pattern are both given; images can be grouped by one of them.")
        try:
            re.compile(self.group_pattern or "")
        except re.error as error:
            raise InputError(
                f"group_pattern {self.group_pattern!r} is not a regular expression: {error}. "
                r"Example: ^(\d+)_ keeps 12_a.jpg and 12_b.jpg together."
            ) from None

    @property
    def label_columns(self) -> tuple[str, ...]:
        """`label_column` as a tuple, empty when it is not given."""
        if self.label_column is None:
            return ()
        return (self.label_column,) if isinstance(self.label_column, str) else tuple(self.label_column)


DEFAULTS = ReadOptions()
