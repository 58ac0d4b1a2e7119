"""How well each class does, epoch by epoch: what the journal keeps of it."""

from collections.abc import Mapping
from typing import Final

from plusx.core.details import ClassScore
from plusx.core.task import Metrics

MOST_CLASSES: Final = 100
"""Of more classes nothing is kept: the journal would hold little else."""

PREFIX: Final = "class/"


def class_values(counter: Metrics, classes: int) -> dict[str, float]:
    """Of what was counted, the AP or IoU of each class where the task has it, else its recall; all 0..1.

    Named "class/SCORE/NAME".
    """
    if not 2 <= classes <= MOST_CLASSES:
        return {}
    return dict(pair for row in counter.details().classes if (pair := _value(row)) is not None)


def _value(row: ClassScore) -> tuple[str, float] | None:
    for score in ("AP", "IoU"):
        if score in row.ranking:
            return f"{PREFIX}{score}/{row.name}", row.ranking[score]
    return None if row.recall is None else (f"{PREFIX}recall/{row.name}", row.recall)


def split_name(name: str) -> tuple[str, str]:
    """Score and class of a name that `class_values` made."""
    score, _, own = name.removeprefix(PREFIX).partition("/")
    return score, own


def curves_of(history: tuple[Mapping[str, float], ...]) -> dict[str, dict[str, dict[int, float]]]:
    """Score → class → epoch → value."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for epoch in history:
        for name, value in epoch.items():
            if name.startswith(PREFIX):
                score, own = split_name(name)
                found.setdefault(score, {}).setdefault(own, {})[int(epoch["epoch"])] = value
    return found
