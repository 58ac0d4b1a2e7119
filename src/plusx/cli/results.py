"""Results of workflows as lines of text."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plusx.workflows.compare import Comparison
    from plusx.workflows.evaluate import Evaluation
    from plusx.workflows.replay import Replay
    from plusx.workflows.run import Run
    from plusx.workflows.tune import Tuned


def of_run(run: "Run") -> Iterator[str]:
    """What a finished run reached and where it lies."""
    if run.test_metrics:
        yield "On the validation images, by which the best epoch was chosen:"
    yield from of_metrics(run.metrics)
    if run.test_metrics:
        yield "On the test images, by which nothing was chosen:"
        yield from of_metrics(run.test_metrics)
    if run.agreement is not None:
        yield f"{run.onnx.name}: {run.agreement}"
    yield f"Report: {run.report}"
    yield f"Predict with: plusx predict {shlex.quote(str(run.path))} photo.jpg"


def of_search(found: "Tuned") -> Iterator[str]:
    """What a search found, and how to train so again."""
    yield f"Best of {len(found.trials)} trials: number {found.best.number}, {found.metric} {found.best.value:.4f}"
    yield f"Report of the search: {found.report}"
    yield f"Train so again with: {found.command}"
    if found.run is not None:
        yield f"Predict with: plusx predict {shlex.quote(str(found.run.path))} photo.jpg"


def of_evaluation(evaluation: "Evaluation", *, as_json: bool) -> Iterator[str]:
    """Metrics and, for classes, a row a class; or one JSON object."""
    if as_json:
        about = {"split": evaluation.split, "images": evaluation.images, "metrics": dict(evaluation.metrics)}
        about |= {"undefined": list(evaluation.details.undefined)} if evaluation.details.undefined else {}
        yield json.dumps(about, ensure_ascii=False)
        return
    images = evaluation.images
    yield f"all {images} images" if evaluation.split == "all" else f"{images} images ({evaluation.split})"
    yield from of_metrics(evaluation.metrics)
    if evaluation.details.undefined:
        yield f"not defined, since {evaluation.details.why}: {', '.join(evaluation.details.undefined)}"
    if evaluation.details.basis and evaluation.details.classes:
        yield f"{evaluation.details.basis}:"
    counted = evaluation.details.supports
    for score in evaluation.details.classes:
        shares = {"precision": score.precision, "recall": score.recall, "f1": score.f1}
        values = "  ".join(f"{name} {'    -' if share is None else f'{share:.3f}'}" for name, share in shares.items())
        least = "" if score.score is None else f"  score from {score.score:.3f}"
        yield f"  {values}{least}  {counted} {score.support:5}  {score.name}"


def of_replay(replay: "Replay", *, as_json: bool) -> Iterator[str]:
    """What was found of a step; or one JSON object."""
    if as_json:
        yield json.dumps(replay.to_json(), ensure_ascii=False)
        return
    yield from replay.lines()


def of_comparison(comparison: "Comparison", *, as_json: bool) -> Iterator[str]:
    """Runs beside each other; or one JSON object."""
    if as_json:
        yield json.dumps(comparison.to_json(), ensure_ascii=False)
        return
    yield from comparison.lines()


def of_metrics(metrics: Mapping[str, float]) -> Iterator[str]:
    """A line a metric, with four decimals, or four digits where those would tell too little."""
    width = max(map(len, metrics), default=0)
    for name, value in metrics.items():
        yield f"{name:{width}}  {value:.4g}" if 0 < abs(value) < 0.001 else f"{name:{width}}  {value:.4f}"
