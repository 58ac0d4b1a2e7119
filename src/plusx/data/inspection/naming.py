"""How findings name several images. Needs no torch."""

from collections.abc import Sequence

from plusx.data.inspection.subject import Inspected

_SHOWN = 4


def places(images: Sequence[Inspected]) -> str:
    """Names and splits of the first, and how many more there are."""
    return _shortened([image.place for image in images])


def listed(images: Sequence[Inspected]) -> str:
    """The same without the splits."""
    return _shortened([image.sample.name for image in images])


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
