"""How findings name several images. Needs no torch."""

from collections.abc import Sequence

from plusx.core.targets import Label
from plusx.data.inspection.subject import Inspected

_SHOWN = 4


def places(images: Sequence[Inspected], classes: Sequence[str] = ()) -> str:
    """Names and splits of the first, and how many more there are. classes: with the label of each, where it has one."""
    return _shortened([_place(image, classes) for image in images])


def _place(image: Inspected, classes: Sequence[str]) -> str:
    target = image.sample.target
    if classes and isinstance(target, Label):
        return f"{image.sample.name} ({image.split}, {classes[target.index]!r})"
    return image.place


def listed(images: Sequence[Inspected]) -> str:
    """The same without the splits."""
    return _shortened([image.sample.name for image in images])


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
