"""From the numbers that an exported file gives to predictions: one line a task. Needs no torch.

A task decides the same in `Task.predict`; the tests hold the two together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import unknown
from plusx.core.prediction import LabelPrediction, LabelsPrediction, Prediction, ValuePrediction

Config: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = NDArray[np.floating[Any]]
"""B, K: what the graph gives for B images: probabilities in float32, values in float64."""

TOLERANCE = 1e-3
"""How far an exported file's probabilities may be from the model's; of values, the same part of their spread."""


@dataclass(frozen=True)
class Decoding:
    """`decide` gives what is decided for each image, (B, ...), and `distance` how far two outputs are apart, (B, K),
    in units of probability or of the spread of the values. `decision` and `unit` name both for people.
    """

    output: str
    setting: str  # the entry of the task's configuration that names the columns
    read: Callable[[str, Config, Sequence[float]], Prediction]
    decide: Callable[[Rows, Config], NDArray[Any]]
    distance: Callable[[Rows, Rows, Config], NDArray[np.float64]]
    decision: str
    unit: str

    def names(self, config: Config) -> tuple[str, ...]:
        return tuple(config[self.setting])


def decoding_of(task: str) -> Decoding:
    """InputError with the nearest names for a task that no exported file can have."""
    if task not in DECODINGS:
        raise unknown("task of an exported model", task, DECODINGS)
    return DECODINGS[task]


def _absolute(reference: Rows, exported: Rows, config: Config) -> NDArray[np.float64]:
    return np.abs(reference.astype(np.float64) - exported)


def _relative(reference: Rows, exported: Rows, config: Config) -> NDArray[np.float64]:
    """In units of each column's standard deviation in training, or of its range over the images where that is more.

    Where no standard deviation is known, a hundredth of the largest value stands for it. Never of the mean: values far
    from 0 beside their spread would agree whatever they were.
    """
    known = config.get("std")
    largest = np.abs(reference).max(axis=0, initial=0.0)
    unit = largest / 100 if known is None else np.array([std or 1.0 for std in known])
    spread = np.ptp(reference, axis=0) if len(reference) else np.zeros_like(unit)
    distance = _absolute(reference, exported, config)
    return distance / np.maximum(np.maximum(spread, unit), np.finfo(np.float32).tiny)


DECODINGS: Mapping[str, Decoding] = {
    "classify": Decoding(
        output="probabilities",
        setting="classes",
        read=lambda name, config, row: LabelPrediction.of(name, config["classes"], row),
        decide=lambda rows, config: rows.argmax(axis=1)[:, None],
        distance=_absolute,
        decision="most probable class",
        unit="of a probability",
    ),
    "multilabel": Decoding(
        output="probabilities",
        setting="classes",
        read=lambda name, config, row: LabelsPrediction.of(name, config["classes"], row, config["threshold"]),
        decide=lambda rows, config: rows >= config["threshold"],
        distance=_absolute,
        decision="set of labels",
        unit="of a probability",
    ),
    "regress": Decoding(
        output="values",
        setting="columns",
        read=lambda name, config, row: ValuePrediction.of(name, config["columns"], row),
        decide=lambda rows, config: np.isfinite(rows),  # nothing is decided: the distance says it all
        distance=_relative,
        decision=f"values within {TOLERANCE:g} of their spread",
        unit="in units of that spread",
    ),
}
