"""The images a model got most wrong, as small pictures for the report."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from plusx.core.prediction import LabelPrediction, LabelsPrediction, Prediction, ValuePrediction
from plusx.core.sample import Listing, Sample
from plusx.core.task import Task
from plusx.engine.evaluate import Collected
from plusx.report.facts import Mistake
from plusx.report.thumbnail import thumbnail
from plusx.workflows.preparation import target_text


def worst_mistakes(task: Task, collected: Collected, listing: Listing, split: str, count: int = 24) -> list[Mistake]:
    """At most `count` wrong answers, the most confident first; for values the largest errors."""
    assert collected.targets is not None
    wrongness = badness(task.decode(collected.outputs), collected.targets, listing.kind)
    order = torch.argsort(wrongness, descending=True, stable=True)[:count].tolist()
    chosen = [position for position in order if wrongness[position] > 0]
    predictions = task.predict(collected.outputs[chosen], [collected.names[p] for p in chosen]) if chosen else []
    samples = [listing.splits[split][int(collected.indices[position])] for position in chosen]
    digits = decimals(collected.targets) if listing.kind == "value" else ()
    return [mistake(p, sample, listing.classes, digits) for p, sample in zip(predictions, samples, strict=True)]


def badness(decoded: Tensor, targets: Tensor, kind: str) -> Tensor:
    """(N,) how wrong each answer is; 0 for a right one.

    Labels: the probability given to the wrong class over that of the true one. Several labels: the largest distance
    from 0 or 1 on the wrong side. Values: the sum of errors, each in units of the column's spread.
    """
    if kind == "value":
        spread = targets.std(dim=0, correction=0).clamp_min(1e-12)
        return ((decoded - targets).abs() / spread).sum(dim=1)
    if kind == "labels":
        distance = (decoded - targets).abs()
        return torch.where(distance > 0.5, distance, 0.0).amax(dim=1)
    top, taken = decoded.max(dim=1)
    true = decoded.gather(1, targets.unsqueeze(1)).squeeze(1)
    return torch.where(taken != targets, top - true + 1e-12, 0.0)


def decimals(targets: Tensor) -> tuple[int, ...]:
    """How many decimals tell a thousandth of each column's spread: values may lie far from 0 beside it."""
    spread = targets.double().std(dim=0, correction=0).tolist()
    return tuple(min(15, max(0, 3 - math.floor(math.log10(s)))) if s > 0 else 3 for s in spread)


def mistake(prediction: Prediction, sample: Sample, classes: Sequence[str], digits: Sequence[int] = ()) -> Mistake:
    """One wrong answer in words and as a picture. digits: decimals of each value."""
    answer, probability = in_words(prediction, digits)
    return Mistake(
        thumbnail(sample.image), sample.name, target_text(sample.target, tuple(classes)), answer, probability
    )


def in_words(prediction: Prediction, digits: Sequence[int] = ()) -> tuple[str, float | None]:
    """What was predicted, and with what probability where there is one."""
    match prediction:
        case LabelPrediction():
            return prediction.label, prediction.probability
        case LabelsPrediction():
            return "; ".join(prediction.labels) or "none", None
        case ValuePrediction():
            values = zip(prediction.values.values(), digits, strict=True)
            return "; ".join(f"{value:.{places}f}" for value, places in values), None
        case _:
            raise AssertionError(f"no words for {type(prediction).__name__}")
