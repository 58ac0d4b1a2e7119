"""What `fit` says on the terminal before it trains."""

from collections.abc import Sequence

from rich.console import Console

from plusx.backbones.catalogue import TOP_1, card, cards
from plusx.data.augment.pixels.pixel_augment import PixelAugment
from plusx.engine.placement import Placement
from plusx.workflows.audit_report import Command
from plusx.workflows.building import Design, describe
from plusx.workflows.preparation import Prepared
from plusx.workflows.settling import Job


def tell_audit(prepared: Prepared, notes: Sequence[str], command: Command, console: Console) -> None:
    """What the audit found and how the images were split."""
    for note in notes:
        console.print(note, style="dim", highlight=False, markup=False)
    for line in prepared.audit.summary(command):
        console.print(line, highlight=False, markup=False)
    counts = ", ".join(f"{len(samples)} {split}" for split, samples in prepared.listing.splits.items())
    console.print(f"{describe(prepared.listing)}; images: {counts}", highlight=False)


def has_published_weights(architecture: str) -> bool:
    """Whether `--weights imagenet` would work."""
    return any(TOP_1 in card(name).metrics for name in cards() if card(name).architecture == architecture)


def in_words(part: PixelAugment) -> str:
    """A policy and its numbers, without the way in which pixels are sampled."""
    said = ", ".join(f"{name} {value}" for name, value in vars(part).items() if isinstance(value, int | float | str))
    return f"{type(part).__name__} ({said})" if said else type(part).__name__


def tell_plan(made: Design, placement: Placement, job: Job, console: Console) -> None:
    """What is about to happen, in a few lines."""
    plan, size, later = made.recipe.plan, made.shown.size, made.card.input.size
    if job.timed is not None:
        console.print(f"chosen: {job.timed.reason}", highlight=False)
    for note in made.notes:
        console.print(note, highlight=False, markup=False)
    sides = f"{size[0]}×{size[1]}" + ("" if later == size else f" in training, {later[0]}×{later[1]} afterwards")
    form = ", built for small images (--small-input)" if made.card.build.get("small_input") else ""
    console.print(f"{made.card.architecture} from {made.start}, input {sides}{form}", highlight=False)
    if made.start == "random weights" and has_published_weights(made.card.architecture):
        console.print("[dim]To start from published weights instead: --weights imagenet", highlight=False)
    epochs = "1 epoch" if plan.epochs == 1 else f"{plan.epochs} epochs"
    console.print(
        f"{epochs} of {type(plan.optimizer).__name__} at {plan.optimizer.rate:.3g}, batches of "
        f"{made.recipe.batch_size}; {placement.reason}",
        highlight=False,
    )
    if made.recipe.pixels:
        console.print(
            f"images changed by {', '.join(map(in_words, made.recipe.pixels))}", highlight=False, markup=False
        )
    if (growing := made.recipe.progressive) is not None:
        sides = growing.sides(size[0], plan.epochs)
        whole = sides.index(size[0]) + 1
        console.print(f"images of {sides[0]} pixels at first, of {size[0]} from epoch {whole} on", highlight=False)
    if job.side:
        console.print(
            f"training images are kept decoded, {job.side} pixels or less on the shorter side (without: --cache none)",
            highlight=False,
        )
    console.print(f"run directory: {job.run.path}", highlight=False)
