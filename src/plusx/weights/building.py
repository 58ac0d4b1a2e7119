"""Networks built for weights that take their place, and those weights brought into them."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, Final

from torch import Tensor

from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.weights.fitting import labelled, misfit
from plusx.weights.importing import Placed, place
from plusx.weights.local import Loaded
from plusx.weights.resolve import Resolved
from plusx.weights.uninitialised import Uninitialised

LOG: Final = logging.getLogger("plusx")
_CALLED_HERE: Final = {
    "pretrained": 'weights="imagenet", or a card\'s name',
    "num_classes": "classes",
    "in_chans": "in_channels",
}
"""torchvision's and timm's words → ours."""


@dataclass(frozen=True)
class Order:
    """What is asked for beside the weights; `settings`: of the architecture, over those of the weights."""

    name: str
    task: str
    in_channels: int = 3
    output_stride: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def changed(meant: Resolved, settings: Mapping[str, Any]) -> Resolved:
    """With the caller's settings over those of the weights. InputError for what is a setting elsewhere alone."""
    for key in settings:
        if key in _CALLED_HERE:
            raise InputError(f"Unknown setting {key!r}: here it is {_CALLED_HERE[key]}")
    return replace(meant, settings={**meant.settings, **settings})


def built(meant: Resolved, in_channels: int, output_stride: int | None = None) -> Backbone:
    """The network that is meant; without drawing random weights where the file's take their place.

    output_stride: None: that among the settings of the weights, else 32.
    """
    settings = {"output_stride": 32, **meant.settings}
    if output_stride is not None:
        settings["output_stride"] = output_stride
    with nullcontext() if meant.loaded is None else Uninitialised():
        return build(meant.architecture, in_channels=in_channels, **settings)


def of_backbone(backbone: Backbone) -> dict[str, Tensor]:
    """Its tensors under the names of a task."""
    return {f"backbone.{key}": tensor for key, tensor in backbone.state_dict().items()}


def imported(
    expected: Mapping[str, Tensor], meant: Resolved, settings: Mapping[str, Any], fresh: Collection[str] = ()
) -> dict[str, Tensor]:
    """The file's tensors for `expected`, in its dtypes; says what was adapted. WeightsError where they do not fit.

    settings: those that were asked for, for the error. fresh: tensors of the task that are not to come from the file.
    """
    assert meant.loaded is not None
    path = meant.loaded.checkpoint.path
    found = placed(expected, meant.loaded, labelled(meant.architecture, settings), fresh)
    if meant.doubt:
        LOG.warning("%s", meant.doubt)
    if found.made_for is not None:
        channels = next(tensor for tensor in expected.values() if tensor.ndim == 4).shape[1]
        LOG.warning("%s: the first convolution was made for %d channels, adapted to %d", path, found.made_for, channels)
    return {name: tensor.to(expected[name].dtype) for name, tensor in found.tensors.items()}


def placed(expected: Mapping[str, Tensor], loaded: Loaded, asked: str, fresh: Collection[str] = ()) -> Placed:
    """As `place`; WeightsError where the file does not fit `asked`."""
    found = place(expected, loaded.checkpoint.tensors, loaded.layout, fresh=fresh)
    if found.mismatch:
        raise misfit(loaded, asked, found.mismatch)
    return found


def names_of(classes: int | Sequence[str]) -> tuple[str, ...]:
    """Numbers as names where only their number is known. InputError for what is neither."""
    classes = int(classes) if isinstance(classes, Integral) else classes  # numpy's too
    if isinstance(classes, int):
        if classes < 1:
            raise InputError(f"classes is {classes}; expected their number, 1 or more, or their names")
        return tuple(map(str, range(classes)))
    if isinstance(classes, str):
        raise InputError(f"classes is the text {classes!r}; expected a number or a list of names")
    if not isinstance(classes, Iterable):
        raise InputError(f"classes is {classes!r}; expected a whole number or a list of names")
    return tuple(classes)
