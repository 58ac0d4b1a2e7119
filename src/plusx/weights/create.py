"""Backbones and models by name, with or without published weights."""

import logging
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Final

import torch

from plusx.backbones.catalogue import architectures, cards
from plusx.core.backbone import Backbone
from plusx.core.card import Card
from plusx.core.errors import WeightsError
from plusx.core.task import Task
from plusx.tasks import create as tasks
from plusx.weights import dense
from plusx.weights.building import Order, built, changed, imported, names_of, of_backbone, placed
from plusx.weights.fitting import labelled
from plusx.weights.matching import Mismatch
from plusx.weights.resolve import Resolved, Weights, published_card, resolve
from plusx.weights.vocabularies import vocabulary

LOG: Final = logging.getLogger("plusx")
_NAMES_KEY: Final = {"regress": "columns"}  # of a task's configuration; "classes" for the others


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
    name: str, *, weights: Weights = None, in_channels: int = 3, output_stride: int | None = None, **settings: Any
) -> Backbone:
    """A backbone by name; `name`, `weights`, `in_channels` and `settings` as in `create_model`.

    `output_stride`: 32, 16 or 8 input pixels per pixel of the last stage; None: that of a plusx model file, else 32.
    """
    meant = changed(resolve(name, weights), settings)
    backbone = built(meant, in_channels, output_stride)
    if meant.loaded is not None:
        expected = of_backbone(backbone)
        expected.update(imported(expected, meant, settings))
        backbone.load_state_dict({key.removeprefix("backbone."): tensor for key, tensor in expected.items()})
    return backbone


def create_model(
    name: str,
    *,
    task: str = "classify",
    classes: int | Sequence[str] | None = None,
    weights: Weights = None,
    in_channels: int = 3,
    output_stride: int | None = None,
    **settings: Any,
) -> Task:
    """A task on a backbone; its `forward(images)` gives outputs, for labels (B, classes).

    `name`: an architecture, or architecture and tag, which means those weights. `weights`: None, "imagenet", a card's
    name, a tag, or the path of a local file in any layout. `classes`: their number or names (of `regress`: of the
    values); None: those of the weights' head; where there is none for the task 1000, and for boxes and masks
    InputError. Other classes than those of the
    weights get a new head, under boxes and masks new last layers, another number of channels an adapted first
    convolution; all are said on the logger `plusx`. `output_stride`: 32, 16 or 8; None: as the weights' head had it,
    else 32. `settings`: of the architecture, e.g. zero_init_residual=True or small_input=True; InputError for one that
    it has not. Raises `WeightsError` where anything else differs.
    """
    meant = changed(resolve(name, weights), settings)
    order = Order(name, task, in_channels, output_stride, settings)
    if task in dense.TASKS:
        return dense.create(meant, order, dense.config_for(meant, task, classes))
    return _of_labels(meant, order, _usual(meant, task) if classes is None else classes)


def create_task(
    name: str,
    task: str,
    config: Mapping[str, Any],
    *,
    weights: Weights = None,
    in_channels: int = 3,
    output_stride: int | None = None,
    **settings: Any,
) -> Task:
    """As `create_model`, for boxes or masks by the task's whole configuration; what it leaves open is the weights'."""
    order = Order(name, task, in_channels, output_stride, settings)
    return dense.create(changed(resolve(name, weights), settings), order, config)


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
        expected, usual = (of_backbone(built(one, channels)) for one in (changed(meant, settings), meant))
        whole = expected | dense.of_head(changed(meant, settings), channels)
    if meant.loaded is not None:
        placed(whole, meant.loaded, asked)
    elif published is not None and (mismatch := Mismatch.between(expected, usual)):
        raise WeightsError(f"The weights {published.name} do not fit {asked}; leave that out.\n{mismatch}")


def _of_labels(meant: Resolved, order: Order, classes: int | Sequence[str]) -> Task:
    """A task of labels or values, with the classifier of the weights where it fits."""
    classes = int(classes) if isinstance(classes, Integral) else classes  # numpy's too
    own, stride = dense.own_head(meant.loaded), order.output_stride
    backbone = built(meant, order.in_channels, 32 if stride is None and own is not None else stride)
    kept, key = _kept_head(meant, order.task, classes), _names_key(order.task)
    model = tasks.create(order.task, backbone, kept or {key: names_of(classes)})
    if meant.loaded is None:
        return model
    state, new = model.state_dict(), ("head." if dense.is_dense(meant.loaded) else "head.fc.")
    expected = {name: tensor for name, tensor in state.items() if kept is not None or not name.startswith(new)}
    state.update(imported(expected, meant, order.settings))
    if kept is None:
        had = dense.described(meant.loaded)
        text = "%s: new untrained head for %d %s; the weights have %s"
        LOG.warning(text, order.name, len(names_of(classes)), key, had)
    model.load_state_dict(state)
    return model


def _usual(meant: Resolved, task: str) -> int:
    """As many classes as the weights' own head has, 1000 where they have none for the task."""
    loaded = meant.loaded
    if loaded is None or loaded.head is None:
        return 1000
    header = loaded.checkpoint.header
    return loaded.head if task == ("classify" if header is None else header.task) else 1000


def _kept_head(meant: Resolved, task: str, classes: int | Sequence[str]) -> Mapping[str, Any] | None:
    """The configuration of the task with the file's own head; None where another head is needed."""
    loaded = meant.loaded
    if loaded is None or loaded.head != (classes if isinstance(classes, int) else len(classes)):
        return None
    header, key = loaded.checkpoint.header, _names_key(task)
    if task != ("classify" if header is None else header.task):
        return None
    known = _known_names(meant) if header is None else tuple(header.config.get(key, ()))
    names = known or names_of(classes) if isinstance(classes, int) else names_of(classes)
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


def _names_key(task: str) -> str:
    return _NAMES_KEY.get(task, "classes")
