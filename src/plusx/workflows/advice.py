"""One sentence of advice about a run, where its figures are clear; none where they are not. Needs no torch.

The rules and their thresholds are told in docs/understanding-a-run.md.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

HOT: Final = 0.1
"""‖Δw‖ / ‖w‖ of a median step from which on the weights do not settle."""

BURST: Final = 3.0
"""A whole epoch's loss beside that of the first step: nothing but steps that were too large makes it so."""

RECOVERED: Final = 0.5
"""Of a loss that burst and then fell all the same: the last epoch's beside that of the first step."""

STUCK: Final = 0.9
"""Of a loss that has hardly fallen: the last epoch's beside that of the first step."""

SILENT: Final = 0.5
"""Share of a stage's output channels without any gradient."""

BLIND: Final = 0.6
"""How often a right answer is surer than a wrong one; 0.5 is chance."""

LEAST_WRONG: Final = 30
"""Wrong and right answers that this is told from."""

LEARNED: Final = 0.2
BY_HEART: Final = 0.3
"""Accuracy on training images above that of the most frequent class."""

GAP: Final = 0.15
"""Accuracy on training images above that on validation images."""

RISEN: Final = 1.1
"""Validation loss at the end beside its lowest."""

FIT: Final = 0.9
"""Accuracy on training images from which on nothing is missing."""

FALLING: Final = 0.03
"""Share by which the training loss fell in the last fifth of the epochs."""

SURE: Final = 3.0
"""Standard errors of a difference that is no chance."""


@dataclass(frozen=True)
class Evidence:
    """What advice goes by. `history`: as `Outcome.history`; `steps`: those that were measured, with norms by stage.

    training, validation: accuracy (0..1) of the kept weights on so many (`trained`, `judged`) images as they are, None
    where the task has none. chance: the share of the most frequent class. sureness: the area under the curve by which
    the probability of an answer tells right validation answers from wrong ones; None where there are too few.
    """

    history: Sequence[Mapping[str, float]]
    steps: Sequence[Mapping[str, float]]
    best_epoch: int
    training: float | None = None
    validation: float | None = None
    trained: int = 0
    judged: int = 0
    chance: float = 0.0
    sureness: float | None = None
    wrong: int = 0

    @property
    def losses(self) -> list[float]:
        return [one["train/loss"] for one in self.history if "train/loss" in one]

    @property
    def halved(self) -> bool:
        """Whether the last epoch's training loss is at most half of that of the first step."""
        first = self.steps[0].get("loss") if self.steps else None
        return first is not None and bool(self.losses) and self.losses[-1] <= 0.5 * first

    @property
    def error(self) -> float:
        """Standard error of the difference between training and validation accuracy."""
        pairs = ((self.training, self.trained), (self.validation, self.judged))
        return math.sqrt(sum(max(p * (1 - p), 0.25 / n) / n for p, n in pairs if p is not None and n))


def advice(evidence: Evidence) -> str:
    """The first rule that holds, or ""."""
    return next((text for rule in RULES if (text := rule(evidence))), "")


def rate_too_high(of: Evidence) -> str:
    """The last epoch's loss is not below that of the first step, and steps were large or the loss burst on the way."""
    losses, updates = of.losses, of_stages(of.steps, "update")
    first = of.steps[0].get("loss") if of.steps else None
    if first is None or not losses or not updates:
        return ""
    stage = max(updates, key=lambda name: updates[name])
    if max(losses) >= BURST * first and losses[-1] >= RECOVERED * first:
        what = f"the training loss rose from {first:.3g} to {max(losses):.3g}"
    elif losses[-1] >= STUCK * first and updates[stage] >= HOT:
        what = (
            f"a step changes {stage} by {100 * updates[stage]:.0f} % of its weights, and the training loss did not fall"
        )
    else:
        return ""
    return f"The learning rate looks too high: {what}. Try a tenth of it, or --rate auto."


def dead_units(of: Evidence) -> str:
    """Half a stage without gradients in all of the last three steps that were measured."""
    last = of.steps[-3:]
    stages = {key for one in last for key in one if key.startswith("silent/")}
    dead = {key: min(one.get(key, 0.0) for one in last) for key in stages}
    worst = max(dead, key=lambda key: dead[key], default=None)
    if worst is None or len(last) < 3 or dead[worst] < SILENT:
        return ""
    return (
        f"Dead units: {100 * dead[worst]:.0f} % of the channels of {worst.removeprefix('silent/')} get no gradient any "
        "more. Train anew with a lower --rate or a longer --warmup-epochs."
    )


def label_noise(of: Evidence) -> str:
    """It has learned something, and yet its sureness does not tell right answers from wrong ones; or nothing of what it
    knows by heart carries over.
    """
    if of.training is None or of.validation is None or of.sureness is None:
        return ""
    by_chance = of.chance + 2 * math.sqrt(of.chance * (1 - of.chance) / of.judged)
    if of.judged >= LEAST_WRONG and (of.training - of.chance >= BY_HEART or of.halved) and of.validation <= by_chance:
        return (
            "Label noise suspected: the network learned the training images, and is no better than chance on "
            "validation images. Look at the labels with: plusx labels RUN"
        )
    enough = min(of.wrong, of.judged - of.wrong) >= LEAST_WRONG
    if not enough or of.training - of.chance < LEARNED or of.sureness > BLIND:
        return ""
    return (
        "Label noise suspected: the network has learned, and is as sure of the validation answers that count as wrong "
        "as of the right ones. Look at the labels with: plusx labels RUN"
    )


def over_fitting(of: Evidence) -> str:
    """Far better on training images, and validation loss rises while training loss falls."""
    if of.training is None or of.validation is None:
        return ""
    gap = of.training - of.validation
    nll = [one["val/nll"] for one in of.history if "val/nll" in one]
    rises = len(nll) >= 3 and nll[-1] > RISEN * min(nll) and of.losses[-1] < of.losses[nll.index(min(nll))]
    if gap < GAP or gap < SURE * of.error or not rises:
        return ""
    return (
        f"Over-fitting: {100 * of.training:.0f} % right on training images, {100 * of.validation:.0f} % on validation "
        "images, whose loss rises. More images, stronger --augment, or pretrained --weights help."
    )


def under_fitting(of: Evidence) -> str:
    """Not good on training images either, no gap, and the loss is still falling at the end."""
    if of.training is None or of.validation is None or len(of.losses) < 2:
        return ""
    gap, losses = of.training - of.validation, of.losses
    back = max(1, len(losses) // 5)
    falling = 1 - losses[-1] / losses[-1 - back] if losses[-1 - back] > 0 else 0.0
    late = of.best_epoch >= len(losses) - back
    if of.training >= FIT or gap > max(0.05, SURE * of.error) or falling < FALLING or not late:
        return ""
    return (
        f"Under-fitting: {100 * of.training:.0f} % right on training images, and the loss was still falling by "
        f"{100 * falling:.0f} % at the end. Train for more --epochs."
    )


def of_stages(steps: Sequence[Mapping[str, float]], kind: str) -> dict[str, float]:
    """The median over the measured steps, by stage."""
    found: dict[str, list[float]] = {}
    for one in steps:
        for key, value in one.items():
            if key.startswith(f"{kind}/") and math.isfinite(value):
                found.setdefault(key.partition("/")[2], []).append(value)
    return {name: sorted(values)[len(values) // 2] for name, values in found.items()}


RULES: Final[tuple[Callable[[Evidence], str], ...]] = (
    rate_too_high,
    dead_units,
    label_noise,
    over_fitting,
    under_fitting,
)
