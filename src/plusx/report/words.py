"""How metrics and settings are written for people. Needs no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from plusx.report.drawing import shortened
from plusx.report.scales import number, percent

SHARES = {
    "accuracy": "Accuracy",
    "top-5": "Top-5 accuracy",
    "balanced-accuracy": "Balanced accuracy",
    "macro-f1": "Macro F1",
    "micro-f1": "Micro F1",
    "subset-accuracy": "All labels right",
    "map": "Mean average precision",
    "map-50": "Average precision at IoU 0.5",
    "map-75": "Average precision at IoU 0.75",
    "map-small": "Average precision, small objects",
    "map-medium": "Average precision, medium objects",
    "map-large": "Average precision, large objects",
    "voc-map-50": "Average precision of Pascal VOC",
    "ar-1": "Recall with 1 box an image",
    "ar-10": "Recall with 10 boxes an image",
    "ar-100": "Recall with 100 boxes an image",
    "miou": "Mean IoU",
    "dice": "Dice",
    "pixel-accuracy": "Right pixels",
    "mean-accuracy": "Mean recall of classes",
    "boundary-f": "Boundary F",
    "ece": "Calibration error",
}
"""Metrics that are written as a percentage."""

VALUES = {
    "auroc": "AUROC",
    "nll": "Negative log-likelihood",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "standardised-mae": "Mean absolute error, standardised",
}

LONGEST_VALUE = 1000  # half-widths of one setting


def metric_name(key: str) -> str:
    """`mae/age` becomes "Mean absolute error, age"; an unknown name stays as it is."""
    name, slash, column = key.partition("/")
    known = SHARES.get(name) or VALUES.get(name)
    return key if known is None else f"{known}, {column}" if slash else known


def metric_value(key: str, value: float) -> str:
    """With its unit where it has one."""
    return percent(value) if key in SHARES else number(value)


def share(value: float | None) -> str:
    """A share of a table: a dash where it is undefined."""
    return "–" if value is None else percent(value)


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested JSON values as rows: the path of keys, and the value in words; what is empty is left out."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += flat(value, f"{path} · ")
        elif value is not None and value != "" and value != () and value != []:
            rows.append((path, shortened(_in_words(value), LONGEST_VALUE)))
    return rows


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_in_words, value))
    return str(value)
