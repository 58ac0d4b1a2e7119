"""From settings and data to a network, its input, and the plan to train it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import torch

from plusx.backbones.catalogue import Architecture, architecture
from plusx.backbones.create import build
from plusx.core.card import Card, Input
from plusx.core.errors import InputError, foreign
from plusx.core.sample import DENSE, Listing
from plusx.core.task import Task
from plusx.data.images import printable
from plusx.engine.plan import Plan
from plusx.nn.group_norm import GROUPS, grouped
from plusx.tasks.create import TASK_OF_KIND, WITH_HEADS, create, output_stride
from plusx.weights.create import card_for, create_model, create_task
from plusx.weights.dense import continued
from plusx.weights.download import fetch
from plusx.workflows.augmenting import warn_of_mixed_counts
from plusx.workflows.choosing import choose_recipe
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.recipes.recipe import Facts, Recipe
from plusx.workflows.regularising import regularise
from plusx.workflows.strategies import phase_notes
from plusx.workflows.task_settings import task_config

log = logging.getLogger("plusx")

Sizes: TypeAlias = frozenset[tuple[int, int]]
"""Heights and widths of images, in pixels, each once."""


@dataclass(frozen=True)
class Design:
    """What gets trained, on what input, by which recipe. `card` is that of the finished model but for its metrics.
    `train_size`: pixels of a side in training, where that is not the size at which the model sees images afterwards."""

    task: Task
    card: Card
    recipe: Recipe
    start: str  # the weights it starts from, for people
    notes: tuple[str, ...] = ()  # about the recipe, for people
    train_size: int | None = None

    @property
    def shown(self) -> Input:
        """The input in training."""
        return self.card.input if self.train_size is None else sized(self.card.input, self.train_size)


def design(settings: FitSettings, listing: Listing, sizes: Sizes = frozenset()) -> Design:
    """The network that `settings` name, for the targets of `listing`. InputError for what does not go together.

    sizes: of the images, where they are known.
    """
    name = task_name(settings, listing)
    origin = card_for(settings.model, settings.weights)
    pretrained = origin is not None or settings.weights is not None
    network = architecture(origin.architecture if origin else settings.model)
    own, own_stride = own_config(settings, name)
    head = own.get("head", settings.head)
    facts = facts_of(listing, network.size, head=head, pretrained=pretrained, side=side_of(sizes))
    recipe, notes = choose_recipe(settings, facts)
    warn_of_mixed_counts(recipe.augment, listing.splits["train"])
    input = choose_input(origin, settings, recipe, facts, sizes)  # noqa: A001 - the noun of core.card
    changes = choose_build(settings, network, pretrained, min(input.size))
    changes |= {"blur_pool": True} if recipe.blur_pool and not pretrained else {}
    config = {**own, **task_config(name, listing, recipe, settings)}
    if listing.kind in DENSE:
        changes |= stride_for(name, config, own_stride)
    torch.manual_seed(settings.seed)
    task = begun(settings, origin, name, config, {"in_channels": input.channels, "output_stride": 32, **changes})
    task.backbone.recompute = settings.recompute
    if settings.norm == "group" and grouped(task.backbone):
        changes |= {"group_norm": GROUPS}
    regularise(task.backbone, network.name, recipe)
    card = card_of(settings, network.name, {**without_stride(origin), **changes}, origin)
    later = later_size(settings, recipe, listing)
    seen = input if later is None else sized(input, later)
    if sizes == {seen.size} and settings.image_fit is None:
        seen = replace(seen, resize=seen.size[0])  # they have that size already
    card = replace(card, input=seen, classes=listing.classes, largest_image=largest_of(listing, sizes))
    notes = (*notes, *phase_notes(recipe.plan, len(task.backbone.stages)))
    if origin is not None and name not in WITH_HEADS and origin.classes == listing.classes:
        notes = (*notes, f"the head of the weights is kept: they have the same {len(origin.classes)} names")
    train_size = None if seen.size == input.size else input.size[0]
    return Design(task, card, recipe, start_of(settings, origin), notes, train_size)


def facts_of(listing: Listing, size: int, **more: Any) -> Facts:
    """What recipes may depend on. size: of the network's usual input."""
    return Facts(len(listing.splits["train"]), listing.kind, len(listing.classes), size, **more)


def side_of(sizes: Sizes) -> int | None:
    """Pixels of a side of a square as large as the middle one of the images' sizes; None where none is known."""
    return round(median(height * width for height, width in sizes) ** 0.5) if sizes else None


def largest_of(listing: Listing, sizes: Sizes) -> tuple[int, int] | None:
    """Most rows and most columns of the images; None where they are not known, or targets have no place in them."""
    if listing.kind not in DENSE or not sizes:
        return None
    return max(height for height, _ in sizes), max(width for _, width in sizes)


def begun(
    settings: FitSettings, origin: Card | None, name: str, config: Mapping[str, Any], changes: Mapping[str, Any]
) -> Task:
    """The task on the backbone that training starts from, with the head of the weights where that fits."""
    classes = config.get("classes", config.get("columns"))
    if name in WITH_HEADS:
        model, weights = start_weights(settings, origin)
        return create_task(model, name, config, weights=weights, **changes)
    loaded = load_start(settings, origin, name, classes, changes)
    task = create(name, loaded.backbone, config)
    task.head.load_state_dict(loaded.head.state_dict())  # that of the weights, where they have the same classes
    return task


def own_config(settings: FitSettings, name: str) -> tuple[Mapping[str, Any], int | None]:
    """What the weights' own head says of the task `name`, and the output stride before it; nothing where it has none or
    another head is asked for."""
    if name not in WITH_HEADS:
        return {}, None
    return continued(settings.model, settings.weights, name, {} if settings.head is None else {"head": settings.head})


def stride_for(name: str, config: Mapping[str, Any], own: int | None = None) -> dict[str, int]:
    """The output stride that a dense task's head wants, or had in the weights (`own`), where it is not the usual 32."""
    stride = own or output_stride(name, config.get("head"))
    return {} if stride == 32 else {"output_stride": stride}


def without_stride(origin: Card | None) -> dict[str, Any]:
    """How the weights' network is built, but for the output stride, which goes by the new head."""
    return {key: value for key, value in (origin.build if origin else {}).items() if key != "output_stride"}


def card_of(settings: FitSettings, network: str, build: Mapping[str, Any], origin: Card | None) -> Card:
    """The finished model's, as far as the data have no say in it."""
    licence = f"trained from {origin.name} ({origin.licence})" if origin and origin.licence else ""
    return Card(name=settings.model, architecture=network, build=build, licence=licence)


def design_again(
    settings: FitSettings, listing: Listing, saved: Mapping[str, Any], sizes: Sizes = frozenset()
) -> Design:
    """The design of a run that goes on, with random weights: those of its checkpoint take their place.

    Nothing is downloaded, and the file that it started from may be gone. saved: what its settings.json holds; card and
    plan are taken from there, with the epochs and the patience of `settings`. sizes: as `design` was given them.
    """
    with foreign(lambda reason: InputError(f"The run's settings.json is damaged ({reason}). Begin a new run.")):
        card, start, plan = Card.from_json(saved["card"]), saved["start"], Plan.from_json(saved["plan"])
    name = task_name(settings, listing)
    usual, head = architecture(card.architecture).size, saved["task"].get("head", settings.head)
    facts = facts_of(listing, usual, head=head, pretrained=start != RANDOM, side=side_of(sizes))
    recipe, _ = choose_recipe(settings, facts)
    plan = replace(plan, epochs=settings.epochs or plan.epochs, patience=settings.patience)
    recipe = replace(recipe, plan=plan, batch_size=saved["batch_size"])
    backbone = build(card.architecture, in_channels=card.input.channels, **card.build)
    backbone.recompute = settings.recompute
    regularise(backbone, card.architecture, recipe)
    config = task_config(name, listing, recipe, settings)
    if name in WITH_HEADS:  # with what the weights said of their head
        config = {**{key: value for key, value in saved["task"].items() if key != "name"}, **config}
    return Design(create(name, backbone, config), card, recipe, start, train_size=saved.get("train_size"))


RANDOM = "random weights"


def start_of(settings: FitSettings, origin: Card | None) -> str:
    """The weights that training starts from, in words."""
    if settings.weights is not None and Path(settings.weights).exists():
        return printable(settings.weights)
    return origin.name if origin else RANDOM


SMALL = 64
"""Pixels of a side up to which a network for large images is built for small ones, where nothing is lost by it."""


def choose_build(settings: FitSettings, network: Architecture, pretrained: bool, side: int) -> dict[str, Any]:
    """What the user's settings, or the size of the images, change in the architecture's own."""
    asked = settings.small_input == "yes"
    if settings.small_input == "auto":
        asked = not pretrained and side <= SMALL and network.settings.get("small_input") is False
    return {"small_input": True} if asked else {}


def load_start(
    settings: FitSettings, origin: Card | None, task: str, classes: Sequence[str], changes: Mapping[str, Any]
) -> Task:
    """The network with the weights it starts from; published ones are looked for in `weights_dir` first.

    changes: number of channels and settings of the architecture.
    """
    name, weights = start_weights(settings, origin)
    return create_model(name, task=task, classes=classes, weights=weights, **changes)


def start_weights(settings: FitSettings, origin: Card | None) -> tuple[str, str | None]:
    """Name and weights, as `create_model` takes them; published ones out of `weights_dir` where one is given."""
    name, weights = settings.model, settings.weights
    if origin is not None and settings.weights_dir is not None and (origin.source.url or origin.source.repository):
        name, weights = origin.name, str(fetch(origin, settings.weights_dir))
    return name, weights


def task_name(settings: FitSettings, listing: Listing) -> str:
    """The task that fits the labels; InputError when the user asked for another one."""
    fitting = TASK_OF_KIND[listing.kind]
    if settings.task not in ("auto", fitting):
        raise InputError(
            f"--task {settings.task} does not fit this data: its labels are those of {fitting} "
            f"(found {describe(listing)}). Leave --task away, or name another --label-column."
        )
    return fitting


_IN_WORDS = {"boxes": "boxes", "mask": "masks", "masks": "overlapping masks"}


def describe(listing: Listing) -> str:
    """The targets in a few words."""
    if listing.kind == "value":
        return f"numbers in {', '.join(listing.classes)}"
    if listing.kind in DENSE:
        return f"{_IN_WORDS[listing.kind]} of {len(listing.classes)} classes"
    many = "several of" if listing.kind == "labels" else "one of"
    return f"{many} {len(listing.classes)} classes"


def later_size(settings: FitSettings, recipe: Recipe, listing: Listing) -> int | None:
    """Pixels of a side at which the trained model sees images, where that is another than in training: the user's, or
    with the recipe's own training size the recipe's. InputError where targets have a place in the image."""
    if settings.test_size is not None and listing.kind in DENSE:
        raise InputError(
            "--test-size makes up for random crops, which show things larger than they are; boxes and masks are "
            "trained without such crops. Leave it away."
        )
    own = recipe.test_size if settings.image_size is None and listing.kind not in DENSE else None
    return own if settings.test_size is None else settings.test_size


def sized(input: Input, side: int) -> Input:  # noqa: A002
    """The same at another size: a centre crop shows the same part of the image."""
    return replace(input, size=(side, side), resize=round(input.resize * side / min(input.size)))


def choose_input(
    origin: Card | None, settings: FitSettings, recipe: Recipe, facts: Facts, sizes: Sizes = frozenset()
) -> Input:
    """The input of the weights; else of the recipe; with the user's size and fit in its place. Where targets have a
    place in the image, all of it is shown.

    Where all images have the network's size already, they are neither enlarged nor cut, unless the user asks for it.
    """
    base = origin.input if origin else Input(size=(224, 224), resize=256)
    side = settings.image_size or (recipe.image_size or (base.size[0] if origin else facts.size))
    if side < 32:
        raise InputError(f"--image-size {side} is too small; the networks need at least 32 pixels")
    as_they_are = settings.image_fit is None and sizes == {(side, side)}
    resize = side if as_they_are else round(base.resize * side / min(base.size))
    fit = settings.image_fit or base.fit
    if facts.kind in DENSE and fit == "crop":
        if settings.image_fit == "crop":
            raise InputError("--image-fit crop would hide parts of the images; boxes and masks take pad or squash")
        fit = "pad"
    return replace(base, size=(side, side), resize=resize, fit=fit)
