"""What a soup is made of: the best weights of several runs, or one run's best weights and its checkpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.engine import checkpoint
from plusx.engine.averages.average import average_in
from plusx.weights.modelfile import LoadedModel, load_model
from plusx.workflows.directory import RunDirectory, model_file


@dataclass(frozen=True)
class Ingredient:
    """Weights, and what they are called."""

    name: str
    weights: Mapping[str, Tensor]


def gathered(paths: Sequence[Path]) -> tuple[LoadedModel, list[Ingredient]]:
    """The first model, and the weights of all. InputError for fewer than two, and where networks differ."""
    models = [(str(path), load_model(model_file(path))) for path in paths]
    for name, model in models[1:]:
        refuse_others(models[0][0], models[0][1], name, model)
    found = [Ingredient(name, copied(model.task.state_dict())) for name, model in models]
    if len(paths) == 1:
        found += of_checkpoints(paths[0])
    different = [one for number, one in enumerate(found) if not any(same(one, other) for other in found[:number])]
    if len(different) < 2:
        raise InputError(
            f"{paths[0]} holds one set of weights, and a soup needs two. Name other runs beside it, or train with "
            "--keep 5, which leaves five checkpoints."
        )
    return models[0][1], different


def copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In memory of their own: the network will take others."""
    return {name: tensor.clone() for name, tensor in weights.items()}


def of_checkpoints(path: Path) -> list[Ingredient]:
    """The weights that were judged, of each checkpoint that is there; none of a model file."""
    directory = RunDirectory(path).checkpoints
    found = []
    for file in checkpoint.kept(directory) if directory.is_dir() else ():
        content = checkpoint.read(file)
        if content["state"]["epoch"] == 0:  # untrained, or hardly
            continue
        average = average_in(content)
        weights = content["task"] if average is None or not average["updates"] else average["task"]
        found.append(Ingredient(str(file), weights))
    return found


def same(one: Ingredient, other: Ingredient) -> bool:
    """Whether all tensors are equal."""
    return all(torch.equal(tensor, other.weights[name]) for name, tensor in one.weights.items())


def refuse_others(name: str, model: LoadedModel, other_name: str, other: LoadedModel) -> None:
    """InputError with the list of what differs, where the mean of both would be the weights of neither network."""
    one, two = facts(model), facts(other)
    both = [(what, one.get(what), two.get(what)) for what in dict.fromkeys((*one, *two))]
    differing = [
        what if what == SPLIT else f"{what}: {_short(old)} → {_short(new)}" for what, old, new in both if old != new
    ]
    if differing:
        more = ""
        if one[SPLIT] != two[SPLIT]:
            more = (
                " With another split, one was trained on images that judge the other: bring a validation split "
                "(--split-column, a val folder), or train both with the same --split-seed."
            )
        raise InputError(f"{name} and {other_name} make no soup; they differ in {'; '.join(differing)}.{more}")


SPLIT: Final = "images and their split"
"""A digest, which says nothing to anybody when it is printed."""

FREE: Final = ("classes", "label_smoothing", "class_weights", "positive_weights", "dropout")
"""Of a task: what stands elsewhere, and what shaped a training but neither the network nor how it is read."""


def facts(model: LoadedModel) -> dict[str, Any]:
    """What has to be the same."""
    card = model.card
    return {
        "architecture": card.architecture,
        "build": dict(card.build),
        "task": model.task.name,
        "classes": tuple(card.classes),
        **{f"task · {name}": value for name, value in model.task.config().items() if name not in FREE},
        "input": card.input,
        SPLIT: str(model.extra.get("fingerprint"))[:12],
    }


def _short(value: Any) -> str:
    match value:
        case None:
            text = "none"
        case tuple():
            text = ", ".join(map(str, value))
        case Mapping():
            text = ", ".join(f"{key} {_short(one)}" for key, one in value.items()) or "none"
        case _:
            text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
