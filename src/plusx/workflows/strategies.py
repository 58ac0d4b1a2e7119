"""What the words for fine-tuning make of a recipe's plan: which stages learn when, and what they are held by."""

from dataclasses import replace
from typing import Any, Final

from plusx.adapt.lp_ft import PROBING, probe_epochs
from plusx.core.errors import InputError
from plusx.engine.anchor import Anchor
from plusx.engine.plan import Plan
from plusx.workflows.fit_settings import FitSettings

PHASED: Final = ("head-then-all", "gradual", "lp-ft")
"""Strategies that begin with the head alone."""


def with_phases(settings: FitSettings, plan: Plan, epochs: int) -> dict[str, Any]:
    """The fields of the plan that say which stages learn in which of `epochs`.

    Without a strategy the recipe's, whose epochs for the head are cut where there are no others. InputError where the
    strategy has no room for its phases.
    """
    strategy = settings.strategy
    if strategy in PHASED and epochs < 2:
        raise InputError(
            f"--strategy {strategy} trains the head first and more of the network after it: it needs 2 epochs or more, "
            f"and this run has {epochs}. Take more, or --strategy all."
        )
    found = _phases(settings, plan, epochs)
    if settings.wise is not None and found["frozen_epochs"] == 0:
        raise InputError(
            "--wise mixes with the network as it was when the backbone joined, whose head has to know the classes: it "
            "needs an epoch or more of the head alone. Take --strategy head-then-all or lp-ft."
        )
    return found


def least_epochs(settings: FitSettings, plan: Plan) -> int:
    """Epochs that the phases and the warm-up of `plan`, which is of `settings`, need; at most its own."""
    for epochs in range(1, plan.epochs):
        try:
            replace(plan, epochs=epochs, **with_phases(settings, plan, epochs))
        except InputError:
            continue
        return epochs
    return plan.epochs


def keeps_statistics(settings: FitSettings, plan: Plan) -> bool:
    """Whether the backbone's BatchNorms keep the statistics they start with."""
    if settings.norm is None:
        return settings.frozen_norm or plan.frozen_norm
    return settings.norm == "frozen"


def _phases(settings: FitSettings, plan: Plan, epochs: int) -> dict[str, Any]:
    asked, usual = settings.frozen_epochs, min(plan.frozen_epochs, epochs - 1)
    match strategy := settings.strategy:
        case "all" | "head":
            trained = 0 if strategy == "head" else None
            return {"frozen_epochs": 0, "gradual": 0, "trained_stages": trained, "frozen_schedule": None}
        case "head-then-all" | "gradual":
            gradual = 1 if strategy == "gradual" else 0
            frozen = (usual or 1) if asked is None else asked
            return {"frozen_epochs": frozen, "gradual": gradual, "trained_stages": None, "frozen_schedule": None}
        case "lp-ft":
            frozen = probe_epochs(epochs) if asked is None else asked
            return {"frozen_epochs": frozen, "gradual": 0, "trained_stages": None, "frozen_schedule": PROBING}
    return {"frozen_epochs": usual if asked is None else asked}


def choose_anchor(settings: FitSettings, plan: Plan) -> Anchor | None:
    """The recipe's, or L2-SP as strong as it is asked for; none with 0."""
    if settings.l2_sp is None:
        return plan.anchor
    return None if settings.l2_sp == 0 else replace(plan.anchor or Anchor(), backbone=settings.l2_sp)


def check_strategy(settings: FitSettings, pretrained: bool) -> None:
    """InputError for words that exclude each other, and for those that keep weights where none are named."""
    if settings.strategy in ("all", "head") and settings.frozen_epochs:
        raise InputError(
            f"--strategy {settings.strategy} has no epochs in which the head learns first, but --frozen-epochs is "
            f"{settings.frozen_epochs}. Leave one of them away, or take --strategy head-then-all."
        )
    if settings.strategy in PHASED and settings.frozen_epochs == 0:
        raise InputError(
            f"--strategy {settings.strategy} begins with the head alone, but --frozen-epochs is 0. Leave one of them "
            "away, or take --strategy all."
        )
    if settings.frozen_norm and settings.norm not in (None, "frozen"):
        raise InputError(f"--frozen-norm is --norm frozen, but --norm is {settings.norm}. Leave one of them away.")
    if settings.wise is not None and settings.shard_model:
        raise InputError("--wise needs whole weights, and --shard-model divides them: leave one of them away.")
    if settings.wise == "auto" and settings.time_limit is not None:
        raise InputError(
            "--wise auto measures eleven networks when the training is over, for which --time-limit leaves no time. "
            "Take --wise 0.5, or leave one of them away."
        )
    if settings.l2_sp and settings.weight_decay:
        raise InputError(
            "--l2-sp takes the place of weight decay: it pulls to the weights that training starts from, where decay "
            "pulls to 0. Leave --weight-decay away, or --l2-sp."
        )
    if settings.test_size is not None and settings.time_limit is not None:
        raise InputError("--time-limit chooses the size of images itself: leave it or --test-size away.")
    if pretrained:
        return
    if settings.frozen_norm or settings.norm == "frozen":
        word = "--frozen-norm" if settings.frozen_norm else "--norm frozen"
        raise InputError(f"{word} keeps the statistics of weights, and none are named. Name some with --weights.")
    if settings.wise is not None:
        raise InputError(
            "--wise mixes with what a network had learnt before, and no weights are named. Name some with --weights, "
            "or leave it away."
        )
    if settings.strategy not in (None, "all"):
        raise InputError(
            f"--strategy {settings.strategy} trains a head on what a network has learnt already, and no weights are "
            "named. Name some with --weights, or leave it away."
        )
    if settings.l2_sp:
        raise InputError(
            "--l2-sp pulls the weights to those that a network has learnt already, and none are named. Name some with "
            "--weights, or leave it away."
        )


def phase_notes(plan: Plan, stages: int) -> tuple[str, ...]:
    """What the user should know where some of the `stages` never learn, though they were to join."""
    reached = plan.learning_stages(plan.epochs - 1, stages)
    if plan.gradual == 0 or reached == stages:
        return ()
    return (
        f"gradual unfreezing: {plan.epochs} epochs reach {reached} of {stages} stages, one more each epoch; the "
        f"{stages - reached} nearest to the image never learn. All do with --epochs {plan.last_joins(stages) + 1}.",
    )
