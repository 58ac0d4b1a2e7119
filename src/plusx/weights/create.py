"""Backbones and models by name, with or without published weights."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from numbers import Integral
from typing import Any, Final

import torch
from torch import Tensor

from plusx.backbones.catalogue import architectures, cards
from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.card import Card
from plusx.core.errors import InputError, WeightsError
from plusx.core.task import Task
from plusx.tasks import create as tasks
from plusx.weights.fitting import labelled, misfit
from plusx.weights.importing import Placed, place
from plusx.weights.local import Loaded
from plusx.weights.matching import Mismatch
from plusx.weights.resolve import Resolved, Weights, published_card, resolve
from plusx.weights.uninitialised import Uninitialised
from plusx.weights.vocabularies import vocabulary

LOG: Final = logging.getLogger("plusx")
_NAMES_KEY: Final = {"regress": "columns"}  # of a task's configuration; "classes" for the others

_CALLED_HERE: Final = {
    "pretrained": 'weights="imagenet", or a card\'s name',
    "num_classes": "classes",
    "in_chans": "in_channels",
}
"""torchvision's and timm's words → ours."""


def list_models(pattern: str = "*") -> list[str]:
    """Sorted names that match a shell pattern: architectures (`resnet*`), or with a dot weights (`resnet50.*`)."""
    return cards(pattern) if "." in pattern else architectures(pattern)


def card_for(name: str, weights: Weights = None) -> Card | None:
    """The card that `name` and `weights` mean; None for no weights.

    `name`: an architecture, or architecture and tag (`resnet50.a1_in1k`). `weights`: None, "imagenet" (best
    permissive card), a card's name, a tag, or the path of a local file. Nothing is downloaded. A local file that
    tells no more gets a card with the settings it was recognised by and the usual input. Raises `InputError` for
    unknown names.
    """
    card = published_card(name, weights)
    return card if card is not None or weights is None else resolve(name, weights).card


def create_backbone(
    name: str, *, weights: Weights = None, in_channels: int = 3, output_stride: int = 32, **settings: Any
) -> Backbone:
    """A backbone by name; `name`, `weights`, `in_channels` and `settings` as in `create_model`.

    `output_stride`: 32, 16 or 8 input pixels per pixel of the last stage.
    """
    meant = _changed(resolve(name, weights), settings)
    backbone = _build(meant, in_channels, output_stride)
    if meant.loaded is not None:
        expected = _of_backbone(backbone)
        expected.update(_imported(expected, meant, labelled(meant.architecture, settings)))
        backbone.load_state_dict({key.removeprefix("backbone."): tensor for key, tensor in expected.items()})
    return backbone


def create_model(
    name: str,
    *,
    task: str = "classify",
    classes: int | Sequence[str] = 1000,
    weights: Weights = None,
    in_channels: int = 3,
    output_stride: int = 32,
    **settings: Any,
) -> Task:
    """A task on a backbone; its `forward(images)` gives outputs (B, classes).

    `name`: an architecture, or architecture and tag, which means those weights. `weights`: None, "imagenet", a card's
    name, a tag, or the path of a local file in any layout. `classes`: their number or names (of `regress`: of the
    values). Other classes than those of the weights get a new head, another number of channels an adapted first
    convolution; both are said on the logger `plusx`. `output_stride`: 32, 16 or 8. `settings`: of the architecture,
    e.g. zero_init_residual=True or small_input=True; InputError for one that it has not. Raises `WeightsError` where
    anything else differs.
    """
    classes = int(classes) if isinstance(classes, Integral) else classes  # numpy's too
    meant = _changed(resolve(name, weights), settings)
    backbone = _build(meant, in_channels, output_stride)
    kept = _kept_head(meant, task, classes)
    model = tasks.create(task, backbone, kept or {_names_key(task): _names(classes)})
    if meant.loaded is None:
        return model
    state, head = model.state_dict(), meant.loaded.head
    expected = {key: tensor for key, tensor in state.items() if kept is not None or not key.startswith("head.fc.")}
    state.update(_imported(expected, meant, labelled(meant.architecture, settings)))
    if kept is None:
        count, had = len(_names(classes)), "no head" if head is None else f"{head} of their own"
        LOG.warning("%s: new untrained head for %d %s; the weights have %s", name, count, _names_key(task), had)
    model.load_state_dict(state)
    return model


def check_model(name: str, weights: Weights = None, **settings: Any) -> None:
    """Raises what `create_model` would raise of names, settings and local files. Downloads nothing and says nothing."""
    published = published_card(name, weights)
    if published is None:
        meant = resolve(name, weights)
    else:
        meant = Resolved(published.architecture, published.build, published, None)
    asked = labelled(meant.architecture, settings)
    channels = 3 if meant.card is None else meant.card.input.channels
    with torch.device("meta"):
        expected, usual = (_of_backbone(_build(one, channels)) for one in (_changed(meant, settings), meant))
    if meant.loaded is not None:
        _placed(expected, meant.loaded, asked)
    elif published is not None and (mismatch := Mismatch.between(expected, usual)):
        raise WeightsError(f"The weights {published.name} do not fit {asked}; leave that out.\n{mismatch}")


def _changed(meant: Resolved, settings: Mapping[str, Any]) -> Resolved:
    """With the caller's settings over those of the weights. InputError for what is a setting elsewhere alone."""
    for key in settings:
        if key in _CALLED_HERE:
            raise InputError(f"Unknown setting {key!r}: here it is {_CALLED_HERE[key]}")
    return replace(meant, settings={**meant.settings, **settings})


def _build(meant: Resolved, in_channels: int, output_stride: int = 32) -> Backbone:
    """The network that is meant; without drawing random weights where the file's take their place."""
    with nullcontext() if meant.loaded is None else Uninitialised():
        return build(meant.architecture, in_channels=in_channels, output_stride=output_stride, **meant.settings)


def _of_backbone(backbone: Backbone) -> dict[str, Tensor]:
    """Its tensors under the names of a task."""
    return {f"backbone.{key}": tensor for key, tensor in backbone.state_dict().items()}


def _imported(expected: Mapping[str, Tensor], meant: Resolved, asked: str) -> dict[str, Tensor]:
    """The file's tensors for `expected`, in its dtypes; says what was adapted. WeightsError where they do not fit."""
    assert meant.loaded is not None
    placed, path = _placed(expected, meant.loaded, asked), meant.loaded.checkpoint.path
    if meant.doubt:
        LOG.warning("%s", meant.doubt)
    if placed.made_for is not None:
        channels = next(tensor for tensor in expected.values() if tensor.ndim == 4).shape[1]
        LOG.warning(
            "%s: the first convolution was made for %d channels, adapted to %d", path, placed.made_for, channels
        )
    return {name: tensor.to(expected[name].dtype) for name, tensor in placed.tensors.items()}


def _placed(expected: Mapping[str, Tensor], loaded: Loaded, asked: str) -> Placed:
    placed = place(expected, loaded.checkpoint.tensors, loaded.layout)
    if placed.mismatch:
        raise misfit(loaded, asked, placed.mismatch)
    return placed


def _kept_head(meant: Resolved, task: str, classes: int | Sequence[str]) -> Mapping[str, Any] | None:
    """The configuration of the task with the file's own head; None where another head is needed."""
    loaded = meant.loaded
    if loaded is None or loaded.head != (classes if isinstance(classes, int) else len(classes)):
        return None
    header, key = loaded.checkpoint.header, _names_key(task)
    if task != ("classify" if header is None else header.task):
        return None
    known = _known_names(meant) if header is None else tuple(header.config.get(key, ()))
    names = known or _names(classes) if isinstance(classes, int) else _names(classes)
    if known and names != known:
        return None
    if not known and not isinstance(classes, int):
        text = (
            "%s: its head of %d outputs is kept; the file does not name them, so check that they are your %s in order"
        )
        LOG.warning(text, loaded.checkpoint.path, len(names), key)
    return {**({} if header is None else header.config), key: names}


def _known_names(meant: Resolved) -> tuple[str, ...] | None:
    """The class names of the weights, where their card knows them."""
    return None if meant.card is None else meant.card.classes or vocabulary(meant.card.vocabulary)


def _names(classes: int | Sequence[str]) -> tuple[str, ...]:
    if isinstance(classes, int):
        if classes < 1:
            raise InputError(f"classes is {classes}; expected their number, 1 or more, or their names")
        return tuple(map(str, range(classes)))
    if isinstance(classes, str):
        raise InputError(f"classes is the text {classes!r}; expected a number or a list of names")
    if not isinstance(classes, Iterable):
        raise InputError(f"classes is {classes!r}; expected a whole number or a list of names")
    return tuple(classes)


def _names_key(task: str) -> str:
    return _NAMES_KEY.get(task, "classes")
