"""Any data set in, one Listing out: the format is recognised by what the source is and holds."""

from typing import Any

from plusx.core.sample import Listing
from plusx.data.formats.options import ReadOptions

__all__ = ["ReadOptions", "read"]


def read(source: Any, options: ReadOptions = ReadOptions()) -> Listing:
    """The data set with class names indexed once over all splits ("train", "val", "test").

    DataError says what was found in `source` and which layouts are understood.
    """
    raise NotImplementedError
