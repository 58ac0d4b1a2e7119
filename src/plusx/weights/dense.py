"""Boxes and masks that begin with the head of the weights, as far as their file has one that fits."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Final

import torch
from torch import Tensor

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.tasks import create as tasks
from plusx.weights.building import Order, built, imported, names_of
from plusx.weights.local import Loaded, load
from plusx.weights.resolve import Resolved, Weights, file_of
from plusx.weights.vocabularies import dense_vocabulary

LOG: Final = logging.getLogger("plusx")

TASKS: Final = tasks.WITH_HEADS


@dataclass(frozen=True)
class OwnHead:
    """The head of a file: its task, the task's `config`, whose classes are numbers where they are not `named`, and the
    output stride of the backbone before it. `left_out`: what else the file predicts."""

    task: str
    config: Mapping[str, Any]
    named: bool
    output_stride: int
    left_out: str = ""

    @property
    def name(self) -> str:
        return self.config.get("head", "")

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.config["classes"])

    def serves(self, task: str, head: str | None) -> bool:
        """Whether it is what is asked for; `head` None: any of that task."""
        return task == self.task and head in (None, self.name)

    def same_classes(self, classes: tuple[str, ...]) -> bool:
        """As many, and of the same names where the file knows them."""
        return classes == self.classes if self.named else len(classes) == len(self.classes)


def own_head(loaded: Loaded | None) -> OwnHead | None:
    """The head for boxes or masks in the file; None where it has none that plusx has."""
    if loaded is None:
        return None
    header = loaded.checkpoint.header
    if header is not None:
        stride = header.card.build.get("output_stride", 32)
        return OwnHead(header.task, header.config, True, stride) if header.task in TASKS else None
    told = loaded.layout.dense(loaded.checkpoint.tensors)
    if told is None:
        return None
    known = dense_vocabulary(told.task, told.classes)
    names = known or tuple(map(str, range(told.classes)))
    config = {**told.settings, "classes": list(names)}
    return OwnHead(told.task, config, known is not None, told.output_stride, told.left_out)


def continued(
    name: str, weights: Weights, task: str, config: Mapping[str, Any]
) -> tuple[Mapping[str, Any], int | None]:
    """`config` of a dense task with the settings of the weights' head, and the output stride that goes with it.

    As it is, and None, where the weights have no head for it or `config` names another one.
    """
    path = file_of(name, weights)
    own = None if path is None else own_head(load(path))
    if own is None or not own.serves(task, config.get("head")):
        return config, None
    return merged(own, config), own.output_stride


def merged(own: OwnHead, config: Mapping[str, Any]) -> dict[str, Any]:
    """`config`, and of the file's what it leaves open. Weights of classes belong to their data, and stay behind."""
    return {**_without_weights(own.config), **config}


def class_layers(task: str, backbone: Backbone, config: Mapping[str, Any]) -> frozenset[str]:
    """The tensors of the task's head whose shapes go by the number of classes."""
    with torch.device("meta"):
        one, two = (
            tasks.create(task, backbone, {**_without_weights(config), "classes": names}).head.state_dict()
            for names in (["a"], ["a", "b"])
        )
    return frozenset(f"head.{key}" for key, tensor in one.items() if tensor.shape != two[key].shape)


def _without_weights(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != "class_weights"}


def create(meant: Resolved, order: Order, config: Mapping[str, Any]) -> Task:
    """The task by `config`, with the weights' backbone and what fits of their head; says what does not."""
    own = own_head(meant.loaded)
    kept = own if own is not None and own.serves(order.task, config.get("head")) else None
    config, stride = (config, 32) if kept is None else (merged(kept, config), kept.output_stride)
    backbone = built(meant, order.in_channels, order.output_stride or stride)
    model = tasks.create(order.task, backbone, config)
    if meant.loaded is None:
        return model
    classes = tuple(config["classes"])
    last = frozenset() if kept is None or kept.same_classes(classes) else class_layers(order.task, backbone, config)
    state = model.state_dict()
    fresh = last if kept is None else last | _other_layers(kept, backbone, state)
    expected = {
        key: tensor
        for key, tensor in state.items()
        if key.startswith("backbone.") or (kept is not None and key not in fresh)
    }
    state.update(imported(expected, meant, order.settings, fresh))
    model.load_state_dict(state)
    _tell(meant.loaded, order, config, kept, last)
    return model


def _other_layers(own: OwnHead, backbone: Backbone, state: Mapping[str, Tensor]) -> frozenset[str]:
    """What one of the file's head and the task's has and the other has not: an auxiliary head."""
    with torch.device("meta"):
        theirs = {f"head.{key}" for key in tasks.create(own.task, backbone, own.config).head.state_dict()}
    return frozenset(theirs ^ {key for key in state if key.startswith("head.")})


def config_for(meant: Resolved, task: str, classes: int | Sequence[str] | None) -> dict[str, Any]:
    """The classes, where they are left open or no more than their number is given by the names of the weights."""
    own = own_head(meant.loaded)
    own = own if own is not None and own.serves(task, None) else None
    if own is not None and (classes is None or (isinstance(classes, Integral) and int(classes) == len(own.classes))):
        return {"classes": list(own.classes)}
    if classes is None:
        raise InputError(
            f"How many classes the task {task} has is not known: no weights with a head for it are given. Give "
            "classes=, their number or their names."
        )
    return {"classes": list(names_of(classes))}


def of_head(meant: Resolved, in_channels: int) -> dict[str, Tensor]:
    """The tensors of the weights' own head, under the names of a task; none where they have no head."""
    own = own_head(meant.loaded)
    if own is None:
        return {}
    task = tasks.create(own.task, built(meant, in_channels, own.output_stride), own.config)
    return {key: tensor for key, tensor in task.state_dict().items() if key.startswith("head.")}


def is_dense(loaded: Loaded) -> bool:
    """Whether the file has a head for boxes or masks, be it one that plusx has not."""
    return own_head(loaded) is not None or (
        loaded.head is None and any(map(loaded.layout.is_head, loaded.checkpoint.tensors))
    )


def described(loaded: Loaded) -> str:
    """The file's head, in words."""
    own = own_head(loaded)
    if own is not None:
        return f"the head {own.name} of the task {own.task}"
    if loaded.head is not None:
        return f"{loaded.head} of their own"
    return "one that plusx does not have" if is_dense(loaded) else "no head"


def _tell(loaded: Loaded, order: Order, config: Mapping[str, Any], kept: OwnHead | None, last: frozenset[str]) -> None:
    """On the log: what becomes of the file's head."""
    name, count = order.name, len(config["classes"])
    if kept is None:
        asked = f" {config['head']}" if config.get("head") else ""
        LOG.warning(
            "%s: new untrained head%s for %d classes; the weights have %s", name, asked, count, described(loaded)
        )
        return
    if kept.left_out:
        LOG.warning("%s: of the weights these are left out: %s", name, kept.left_out)
    if config.get("auxiliary") and not kept.config.get("auxiliary"):
        LOG.warning("%s: new untrained auxiliary head; the weights have none", name)
    if last:
        text = "%s: the weights' head %s, with new untrained last layers for %d classes; they have %d of their own"
        LOG.warning(text, name, kept.name, count, len(kept.classes))
    elif not kept.named and tuple(config["classes"]) != kept.classes:
        text = "%s: its head of %d classes is kept; the file does not name them, so check that they are yours in order"
        LOG.warning(text, loaded.checkpoint.path, count)
