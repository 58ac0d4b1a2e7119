"""What the user's settings make of a recipe's optimizer, schedule and average."""

from dataclasses import replace
from typing import Any, Final

from plusx.engine.averages.average import AverageConfig
from plusx.engine.optimizers.lamb import Lamb
from plusx.engine.optimizers.optimizer import OptimizerConfig
from plusx.engine.plan import AVERAGES, OPTIMIZERS, SCHEDULES, Plan
from plusx.engine.schedules.schedule import Schedule
from plusx.engine.sharpness import Sharpness
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.recipes.scaling import with_rate

LAMB_FROM: Final = 64
"""Images of a step below which LAMB is not what it was made for."""


def named_optimizer(settings: FitSettings, plan: Plan) -> OptimizerConfig:
    """The recipe's, or the named one.

    A named one of another kind has its own usual settings, and of its usual rate as much as the recipe takes of its
    own optimizer's: SGD at 0.05, half of 0.1, becomes AdamW at 5e-4, half of 1e-3.
    """
    optimizer: Any = plan.optimizer
    if settings.optimizer is None or OPTIMIZERS[settings.optimizer] is type(optimizer):
        return optimizer
    usual = OPTIMIZERS[settings.optimizer]()
    return with_rate(usual, float(f"{usual.rate * optimizer.rate / type(optimizer)().rate:.3g}"))


def tuned_optimizer(settings: FitSettings, plan: Plan) -> OptimizerConfig:
    """The plan's, with the user's own rate and weight decay."""
    optimizer: Any = plan.optimizer
    if settings.weight_decay is not None:
        optimizer = replace(optimizer, weight_decay=settings.weight_decay)
    return optimizer if settings.rate in (None, "auto") else with_rate(optimizer, settings.rate)


def choose_sharpness(settings: FitSettings, plan: Plan) -> Sharpness | None:
    """The recipe's, or SAM with the radius asked for; none with 0."""
    if settings.sam is None:
        return plan.sharpness
    if settings.sam == 0:
        return None
    return replace(plan.sharpness or Sharpness(), rho=settings.sam)


def plan_notes(plan: Plan, images: int, pretrained: bool) -> tuple[str, ...]:
    """What does not go well together in `plan`. images: of one step. pretrained: whether the backbone has learnt."""
    return (*_weak_lamb(plan, images), *_head_on_random(plan, pretrained))


def _head_on_random(plan: Plan, pretrained: bool) -> tuple[str, ...]:
    if pretrained or plan.frozen_epochs == 0:
        return ()
    epochs = "1 epoch" if plan.frozen_epochs == 1 else f"{plan.frozen_epochs} epochs"
    return (
        f"{epochs} of the head alone, on a backbone of random weights that stay: little is learnt there. Take "
        "--frozen-epochs 0, or name weights (--weights).",
    )


def _weak_lamb(plan: Plan, images: int) -> tuple[str, ...]:
    if not isinstance(plan.optimizer, Lamb):
        return ()
    notes = []
    if images < LAMB_FROM:
        notes.append(
            f"LAMB with steps of {images} images: it was made for thousands, where the norm of a layer's update says "
            f"something; with so few it follows their noise. Take --optimizer adamw or sgd, or steps of {LAMB_FROM} or "
            "more (--batch-size, --accumulate)."
        )
    if plan.anchor is not None or plan.optimizer.weight_decay == 0:
        notes.append(
            "LAMB without weight decay, as with L2-SP or 0: no layer has a rate of its own then, as in timm, and "
            "what is left is Adam at LAMB's rate. Take --optimizer adamw, or a weight decay without L2-SP."
        )
    return tuple(notes)


def choose_schedule(settings: FitSettings, plan: Plan) -> Schedule:
    """The recipe's, or the named one with the recipe's warm-up; then with the user's own warm-up."""
    schedule: Any = plan.schedule
    if settings.schedule is not None and SCHEDULES[settings.schedule] is not type(schedule):
        schedule = SCHEDULES[settings.schedule](**_warm_up(settings.schedule, schedule))
    if settings.warmup_epochs is not None:
        schedule = replace(schedule, warmup_epochs=settings.warmup_epochs)
    return schedule


def _warm_up(name: str, schedule: Schedule) -> dict[str, Any]:
    """How the recipe's schedule begins and when it changes; one-cycle has a rise of its own."""
    kept = {"per": schedule.per}
    if name != "one-cycle":
        begins = ("warmup", "warmup_epochs", "warmup_from")
        kept |= {field: value for field in begins if (value := getattr(schedule, field))}
    return kept


def choose_average(settings: FitSettings, plan: Plan) -> AverageConfig | None:
    """The recipe's, none, or the one asked for: as the recipe has it where it is of that kind."""
    if settings.average == "auto":
        return plan.average
    if settings.average == "none":
        return None
    kind = AVERAGES[settings.average]
    return plan.average if plan.average is not None and type(plan.average) is kind else kind()
