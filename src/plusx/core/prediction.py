"""What `predict` returns for one image. Made from plain numbers, so that no torch is needed with an exported file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """Base of all predictions. `name` is the image's, filled in by the verb."""

    name: str

    def to_json(self) -> dict[str, Any]:
        """Flat JSON values, `image` first."""
        values = {key: value for key, value in vars(self).items() if key != "name"}
        return {"image": self.name, **values}


@dataclass(frozen=True)
class LabelPrediction(Prediction):
    """One class out of several: `label` with its `probability`, and the probabilities of all, most likely first."""

    label: str
    probability: float
    probabilities: dict[str, float]

    @staticmethod
    def of(name: str, classes: Sequence[str], probabilities: Sequence[float]) -> "LabelPrediction":
        order = sorted(range(len(classes)), key=lambda index: -probabilities[index])
        ranked = {classes[index]: float(probabilities[index]) for index in order}
        return LabelPrediction(name, classes[order[0]], float(probabilities[order[0]]), ranked)


@dataclass(frozen=True)
class LabelsPrediction(Prediction):
    """Any number of classes: those at or above `threshold`, and the probabilities of all."""

    labels: tuple[str, ...]
    probabilities: dict[str, float]

    @staticmethod
    def of(name: str, classes: Sequence[str], probabilities: Sequence[float], threshold: float) -> "LabelsPrediction":
        chosen = tuple(label for label, p in zip(classes, probabilities, strict=True) if p >= threshold)
        return LabelsPrediction(
            name, chosen, {label: float(p) for label, p in zip(classes, probabilities, strict=True)}
        )


@dataclass(frozen=True)
class ValuePrediction(Prediction):
    """Named real numbers in the user's unit."""

    values: dict[str, float]

    @staticmethod
    def of(name: str, columns: Sequence[str], values: Sequence[float]) -> "ValuePrediction":
        return ValuePrediction(name, {column: float(value) for column, value in zip(columns, values, strict=True)})
