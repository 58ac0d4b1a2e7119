"""Which metric decides: the task's own, or another of its metrics that the user names. Needs no torch."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from plusx.core.errors import unknown

if TYPE_CHECKING:
    from plusx.core.task import Task

METRICS: Final = MappingProxyType(
    {
        "classify": ("accuracy", "top-5", "balanced-accuracy", "macro-f1", "auroc", "ece", "nll"),
        "multilabel": ("map", "micro-f1", "macro-f1", "subset-accuracy", "auroc"),
        "regress": ("mae", "rmse", "r2", "standardised-mae"),
        "detect": ("map", "map-50", "map-75", "map-small", "map-medium", "map-large", "ar-100", "voc-map-50"),
        "segment": ("miou", "dice", "pixel-accuracy", "mean-accuracy", "boundary-f"),
        "multilabel-segment": ("miou", "dice", "pixel-accuracy"),
    }
)
"""Of every task, by name."""

LOWER: Final = frozenset({"ece", "nll", "mae", "rmse", "standardised-mae"})
"""Those of which less is better."""

TIE: Final = "nll"
"""Decides between epochs in which the metric is the same, where a task has it; less is better."""


def goal(task: "Task", asked: str | None) -> tuple[str, bool]:
    """The metric that best weights and patience go by, and whether higher is better. InputError for one that the task
    has not; of several columns one is asked for as mae/NAME."""
    usual = task.metrics()
    if asked is None:
        return usual.primary, usual.higher_is_better
    name = asked.partition("/")[0]
    if name not in METRICS[task.name]:
        raise unknown("metric", asked, METRICS[task.name])
    return asked, name not in LOWER


def goal_of_name(task: str, asked: str | None, columns: int = 1) -> tuple[str, bool]:
    """The same where only the task's name is known, and of values how many columns there are."""
    usual = "standardised-mae" if task == "regress" and columns > 1 else METRICS.get(task, ("",))[0]
    name = asked or usual
    return name, name.partition("/")[0] not in LOWER
