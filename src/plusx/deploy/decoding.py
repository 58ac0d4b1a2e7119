"""From the numbers that an exported file gives to predictions: one line a task. Needs no torch.

A task decides the same in `Task.predict`; the tests hold the two together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import unknown
from plusx.core.prediction import (
    BoxesPrediction,
    LabelPrediction,
    LabelsPrediction,
    MaskPrediction,
    MasksPrediction,
    Prediction,
    ValuePrediction,
)

Config: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = NDArray[Any]
"""B, ...: what the graph gives for B images: probabilities in float32, values in float64 (B, K); boxes (B, D, 6) in
float32; classes of pixels (B, H, W) in int64, or bool for each class (B, K, H, W)."""

Size: TypeAlias = tuple[int, int]
"""Height and width of the images, in pixels."""

Compared: TypeAlias = tuple[NDArray[np.bool_], NDArray[np.float64]]
"""For each image: whether the decisions are the same, and how far apart the outputs are."""

TOLERANCE = 1e-3
"""How far an exported file's probabilities may be from the model's; of values, the same part of their spread; of boxes,
of the image's longer side; of masks, the share of pixels."""


@dataclass(frozen=True)
class Decoding:
    """`compare` tells for each image whether a file decided as its model, (B,), and how far both are apart, (B,), in
    units of probability, of the spread of the values, or of the image's longer side. `decision` and `unit` name both
    for people. `together`: all images have to be seen at once for that. `scores`: the name of the output with what
    `output` was decided by, where there is one. `threshold`: whether `read` shows what has the configuration's or more.
    `maps`: whether each class has a number for every pixel.
    """

    output: str
    setting: str  # the entry of the task's configuration that names the columns
    read: Callable[[str, Config, NDArray[Any]], Prediction]
    compare: Callable[[Rows, Rows, Config, Size], Compared]
    decision: str
    unit: str
    together: bool = False
    scores: str | None = None
    threshold: bool = False
    maps: bool = False

    def names(self, config: Config) -> tuple[str, ...]:
        return tuple(config[self.setting])


def decoding_of(task: str) -> Decoding:
    """InputError with the nearest names for a task that no exported file can have."""
    if task not in DECODINGS:
        raise unknown("task of an exported model", task, DECODINGS)
    return DECODINGS[task]


def predictions(task: str, config: Config, names: Sequence[str], rows: Rows) -> list[Prediction]:
    """One prediction an image, from what `Task.decode` gives (B, ...)."""
    read = decoding_of(task).read
    return [read(name, config, row) for name, row in zip(names, rows, strict=True)]


def _most_probable(reference: Rows, exported: Rows, config: Config, size: Size) -> Compared:
    return reference.argmax(axis=1) == exported.argmax(axis=1), _absolute(reference, exported).max(axis=1)


def _above_threshold(reference: Rows, exported: Rows, config: Config, size: Size) -> Compared:
    same = ((reference >= config["threshold"]) == (exported >= config["threshold"])).all(axis=1)
    return same, _absolute(reference, exported).max(axis=1)


def _close(reference: Rows, exported: Rows, config: Config, size: Size) -> Compared:
    """Nothing is decided: the distance says it all."""
    distance = _relative(reference, exported, config).max(axis=1)
    return np.isfinite(reference).all(axis=1) & (distance <= TOLERANCE), distance


def _absolute(reference: Rows, exported: Rows) -> NDArray[np.float64]:
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
    distance = _absolute(reference, exported)
    return distance / np.maximum(np.maximum(spread, unit), np.finfo(np.float32).tiny)


def _same_boxes(reference: Rows, exported: Rows, config: Config, size: Size) -> Compared:
    """Every box of a fair score, and the surest in any case, has one of its class in the other's: the same within
    TOLERANCE of the image's side.

    Boxes that one of both lost at the edge of the score threshold or of an overlap are no other decision.
    """
    unit = np.array([max(size)] * 4 + [1.0])
    distances = [max(_farthest(a, b, unit), _farthest(b, a, unit)) for a, b in zip(reference, exported, strict=True)]
    found = np.array(distances, dtype=np.float64)
    return found <= TOLERANCE, found


def _farthest(boxes: Rows, others: Rows, unit: NDArray[np.float64]) -> float:
    """The largest distance from a box that is surely there to the nearest of its class among the others."""
    fair = min(FAIR_SCORE, float(boxes[:, 4].max(initial=0.0)))
    sure, known = boxes[(boxes[:, 4] >= fair) & (boxes[:, 4] > 0)], others[others[:, 4] > 0]
    if len(sure) == 0:
        return 0.0
    if len(known) == 0:
        return 1.0
    apart = (np.abs(sure[:, None, :5] - known[None, :, :5]) / unit).max(axis=2)
    apart[sure[:, None, 5] != known[None, :, 5]] = 1.0
    return float(apart.min(axis=1).max())


def _same_pixels(reference: Rows, exported: Rows, config: Config, size: Size) -> Compared:
    """The share of pixels that have another class."""
    apart = (reference != exported).mean(axis=tuple(range(1, reference.ndim)))
    return apart <= TOLERANCE, apart


FAIR_SCORE = 0.25
"""The score from which on a box has to be in both; an image's surest box has to be whatever its score."""

DECODINGS: Mapping[str, Decoding] = {
    "classify": Decoding(
        output="probabilities",
        setting="classes",
        read=lambda name, config, row: LabelPrediction.of(name, config["classes"], row.tolist()),
        compare=_most_probable,
        decision="most probable class",
        unit="of a probability",
    ),
    "multilabel": Decoding(
        output="probabilities",
        setting="classes",
        read=lambda name, config, row: LabelsPrediction.of(name, config["classes"], row.tolist(), config["threshold"]),
        compare=_above_threshold,
        decision="set of labels",
        unit="of a probability",
        threshold=True,
    ),
    "regress": Decoding(
        output="values",
        setting="columns",
        read=lambda name, config, row: ValuePrediction.of(name, config["columns"], row.tolist()),
        compare=_close,
        decision=f"values within {TOLERANCE:g} of their spread",
        unit="in units of that spread",
        together=True,
    ),
    "detect": Decoding(
        output="boxes",
        setting="classes",
        read=lambda name, config, row: BoxesPrediction.of(name, config["classes"], row.tolist(), config["threshold"]),
        compare=_same_boxes,
        decision=f"surest box, and boxes of score {FAIR_SCORE} and more,",
        unit="in units of the longer side",
        threshold=True,
    ),
    "segment": Decoding(
        output="mask",
        setting="classes",
        read=lambda name, config, row: MaskPrediction.of(name, config["classes"], row),
        compare=_same_pixels,
        decision=f"class for {1 - TOLERANCE:.1%} of the pixels and more",
        unit="of the pixels",
        scores="scores",
        maps=True,
    ),
    "multilabel-segment": Decoding(
        output="masks",
        setting="classes",
        read=lambda name, config, row: MasksPrediction.of(name, config["classes"], row),
        compare=_same_pixels,
        decision=f"classes for {1 - TOLERANCE:.1%} of the pixels and more",
        unit="of the pixels and classes",
        maps=True,
    ),
}
