"""What `tune` searches: one table. What the user gave is no part of it."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

from plusx.core.sample import DENSE, Kind
from plusx.workflows.recipes.recipe import Recipe
from plusx.workflows.tune_settings import TuneSettings

NETWORKS = ("resnet18", "resnet50")


@dataclass(frozen=True)
class Parameter:
    """A setting of fit and the values it may take. `usual`: the recipe's own, with which the first trial runs.

    choice: one of `values`; linear, logarithmic: between the two `values`.
    """

    name: str
    scale: Literal["choice", "linear", "logarithmic"]
    values: tuple[Any, ...]
    usual: Any


@dataclass(frozen=True)
class Known:
    """What the table depends on."""

    kind: Kind
    recipe: Recipe
    models: tuple[str, ...]
    pretrained: bool


_TEN = 10.0


def _around(name: str, usual: float) -> Parameter:
    return Parameter(name, "logarithmic", (usual / _TEN, usual * _TEN), usual)


_ROWS: tuple[tuple[Callable[[Known], bool], Callable[[Known], Parameter]], ...] = (
    (lambda known: len(known.models) > 1, lambda known: Parameter("model", "choice", known.models, known.models[0])),
    (lambda known: True, lambda known: _around("rate", known.recipe.plan.optimizer.rate)),
    (
        lambda known: known.recipe.plan.optimizer.weight_decay > 0,
        lambda known: _around("weight_decay", known.recipe.plan.optimizer.weight_decay),
    ),
    (
        lambda known: known.pretrained and known.recipe.plan.epochs > 1,
        lambda known: Parameter(
            "frozen_epochs",
            "choice",
            tuple(range(min(3, known.recipe.plan.epochs))),
            min(known.recipe.plan.frozen_epochs, known.recipe.plan.epochs - 1),
        ),
    ),
    (lambda known: known.kind not in DENSE, lambda known: Parameter("crop", "linear", (0.1, 1.0), _crop(known))),
    (lambda known: True, lambda known: Parameter("colour", "linear", (0.0, 0.5), known.recipe.transform.brightness)),
    (lambda known: True, lambda known: Parameter("flip", "choice", (True, False), True)),
    (
        lambda known: known.recipe.mix is not None,
        lambda known: Parameter("mosaic", "linear", (0.0, 1.0), known.recipe.mix.mosaic if known.recipe.mix else 0.0),
    ),
    (
        lambda known: known.recipe.mix is not None and known.kind == "boxes",
        lambda known: Parameter("mixup", "linear", (0.0, 0.5), known.recipe.mix.mixup if known.recipe.mix else 0.0),
    ),
)
"""When a setting is searched, and between which values: the table of docs/tuning.md."""


def search_space(known: Known, given: AbstractSet[str]) -> tuple[Parameter, ...]:
    """The rows that apply, but for the settings that the user gave; a strategy decides what learns when, and
    L2-SP is in the place of weight decay."""
    if not given.isdisjoint(("strategy", "wise")):
        given = given | {"frozen_epochs"}
    if "l2_sp" in given:
        given = given | {"weight_decay"}
    found = (parameter(known) for applies, parameter in _ROWS if applies(known))
    return tuple(one for one in found if one.name not in given)


def _crop(known: Known) -> float:
    return float(getattr(known.recipe.transform, "scale", (0.35, 1.0))[0])


def candidates(settings: TuneSettings, given: AbstractSet[str]) -> tuple[str, ...]:
    """The networks to choose from: `--models`, which may hold several in one word, else `--model`, else `NETWORKS`."""
    if settings.models is not None:
        return tuple(dict.fromkeys(name for word in settings.models for name in word.split(",") if name))
    return (settings.model,) if "model" in given or settings.weights not in (None, "imagenet") else NETWORKS


def rounded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """With three digits, as they stand in the command line of the best."""
    return {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in parameters.items()}


def usual(space: Sequence[Parameter]) -> dict[str, Any]:
    """The recipe's own values."""
    return {one.name: one.usual for one in space}
