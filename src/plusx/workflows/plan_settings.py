"""What the user's settings make of a recipe's schedule and average."""

from dataclasses import replace
from typing import Any

from plusx.engine.averages.average import AverageConfig
from plusx.engine.plan import AVERAGES, SCHEDULES, Plan
from plusx.engine.schedules.schedule import Schedule
from plusx.workflows.settings import FitSettings


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
