"""What every library of the contest is told, and what it has to give."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes.sets import SETS, Contest

Predict = Callable[[Sequence[Path]], NDArray[np.float64]]
"""Images to scores: probabilities (images, classes), or numbers (images, 1)."""


@dataclass(frozen=True)
class Job:
    """`weights`: a checkpoint of a ResNet-18 in torchvision's keys, or None: random weights. `work`: an empty
    folder. `recipe`: of plusx; None: its default."""

    contest: Contest
    seed: int
    weights: Path | None
    work: Path
    recipe: str | None = None


Train = Callable[[Job, int], Predict]
"""Trains for so many epochs, as the library's own defaults are."""


def main(train: Train) -> None:
    """`python NAME.py JSON`: what the contest asks for, before it once with two and three epochs to know their time (a
    first epoch may be of a kind of its own, such as of the head alone).

    Printed last: epochs, seconds, score; `beside`: seconds of a call beside its epochs, `epoch`: of one. Where the job
    brings these two, of another seed, they are not measured again.
    """
    said: dict[str, Any] = json.loads(sys.argv[1])
    contest = SETS[said["set"]](Path(said["shared"]))
    weights = None if said["weights"] is None else Path(said["weights"])
    beside, an_epoch = said["known"] or _measured(train, contest, said, weights)
    epochs = fitting(said["seconds"], beside, an_epoch)
    work = Path(said["work"]) / "whole"
    work.mkdir()
    began = time.perf_counter()
    predict = train(Job(contest, said["seed"], weights, work, said["recipe"]), epochs)
    took = time.perf_counter() - began
    scores = predict([path for path, _ in contest.test])
    found = {"epochs": epochs, "seconds": took, "score": score(contest, scores)}
    print(json.dumps({**found, "beside": beside, "epoch": an_epoch}))


def fitting(seconds: float, beside: float, an_epoch: float) -> int:
    """Whole epochs in so many seconds of a call; one at least."""
    return max(1, int((seconds - beside) / an_epoch))


def _measured(train: Train, contest: Contest, said: dict[str, Any], weights: Path | None) -> tuple[float, float]:
    """Seconds beside the epochs of a call, and of one epoch."""
    seconds = []
    for epochs in (2, 3):
        work = Path(said["work"]) / str(epochs)
        work.mkdir()
        began = time.perf_counter()
        train(Job(contest, said["seed"], weights, work, said["recipe"]), epochs)
        seconds.append(time.perf_counter() - began)
    an_epoch = max(seconds[0] / 20, seconds[1] - seconds[0])  # less is noise, which a whole run will correct
    return seconds[0] - 2 * an_epoch, an_epoch


def score(contest: Contest, outputs: NDArray[np.float64]) -> float:
    """Accuracy in %; mean absolute error; mean average precision over the classes in %."""
    targets = np.array([target for _, target in contest.test])
    assert len(outputs) == len(targets)
    if contest.kind == "classify":
        return 100 * float((outputs.argmax(1) == targets).mean())
    if contest.kind == "regress":
        return float(np.abs(outputs[:, 0] - targets).mean())
    present = [column for column in range(len(contest.classes)) if targets[:, column].any()]
    return 100 * float(np.mean([average_precision(outputs[:, c], targets[:, c]) for c in present]))


def average_precision(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Mean precision at the ranks of the images that have the class."""
    hits = truth[np.argsort(-scores, kind="stable")]
    ranks = np.flatnonzero(hits) + 1
    return float((np.arange(1, len(ranks) + 1) / ranks).mean())
