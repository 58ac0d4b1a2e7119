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
Rows: TypeAlias = NDArray[np.float32]
"""B, K: what the graph gives for B images."""

TOLERANCE = 1e-3
"""How far an exported file's probabilities may be from the model's; of values, the same part of their range."""


@dataclass(frozen=True)
class Decoding:
    """`decide` gives what is decided for each image, (B, ...), and `distance` how far two outputs are apart, (B, K),
    in units of probability or of the range of the values.
    """

    output: str
    setting: str  # the entry of the task's configuration that names the columns
    read: Callable[[str, Config, Sequence[float]], Prediction]
    decide: Callable[[Rows, Config], NDArray[Any]]
    distance: Callable[[Rows, Rows], NDArray[np.float64]]

    def names(self, config: Config) -> tuple[str, ...]:
        return tuple(config[self.setting])


def decoding_of(task: str) -> Decoding:
    """InputError with the nearest names for a task that no exported file can have."""
    if task not in DECODINGS:
        raise unknown("task of an exported model", task, DECODINGS)
    return DECODINGS[task]


def _absolute(reference: Rows, exported: Rows) -> NDArray[np.float64]:
    return np.abs(reference.astype(np.float64) - exported)


def _relative(reference: Rows, exported: Rows) -> NDArray[np.float64]:
    """In units of each column's range over the images, or a hundredth of its largest value where that is more."""
    largest = np.abs(reference).max(axis=0, initial=0.0)
    spread = np.ptp(reference, axis=0) if len(reference) else largest
    return _absolute(reference, exported) / np.maximum(np.maximum(spread, largest / 100), np.finfo(np.float32).tiny)


DECODINGS: Mapping[str, Decoding] = {
    "classify": Decoding(
        output="probabilities",
        setting="classes",
        read=lambda name, config, row: LabelPrediction.of(name, config["classes"], row),
        decide=lambda rows, config: rows.argmax(axis=1)[:, None],
        distance=_absolute,
    ),
    "multilabel": Decoding(
        output="probabilities",
        setting="classes",
        read=lambda name, config, row: LabelsPrediction.of(name, config["classes"], row, config["threshold"]),
        decide=lambda rows, config: rows >= config["threshold"],
        distance=_absolute,
    ),
    "regress": Decoding(
        output="values",
        setting="columns",
        read=lambda name, config, row: ValuePrediction.of(name, config["columns"], row),
        decide=lambda rows, config: np.isfinite(rows),  # nothing is decided: the distance says it all
        distance=_relative,
    ),
}
