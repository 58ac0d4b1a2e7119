"""replay: a training step that was not finite, computed again, to see which images and which layer it was."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from plusx.backbones.create import build
from plusx.core.card import Card
from plusx.core.errors import InputError, WeightsError
from plusx.core.task import Task
from plusx.engine import evidence, randomness
from plusx.engine.device import find_device
from plusx.engine.placement import Placement, place
from plusx.engine.position import Position
from plusx.engine.retracing import Alone, Pass, alone, largest_weight, passed, wrong_weights
from plusx.tasks.create import create
from plusx.workflows.options import settings_from
from plusx.workflows.run import open_run
from plusx.workflows.settings import ReplaySettings
from plusx.workflows.signature import takes

SHOWN = 12
"""Images and parameters that are listed at most."""


@dataclass(frozen=True)
class Replayed:
    """One batch of the step. `passes`: by precision, fp32 and that of the run. `samples`: those that are not finite by
    themselves first."""

    position: Position
    names: tuple[str, ...]
    passes: Mapping[str, Pass]
    samples: tuple[Alone, ...]

    def lines(self) -> Iterator[str]:
        """For people."""
        place = self.position
        yield f"step {place.step + 1}, epoch {place.epoch + 1}, batch {place.batch + 1} of it: {len(self.names)} images"
        for precision, one in self.passes.items():
            losses = ", ".join(f"{name} {value:.4g}" for name, value in one.losses.items())
            yield f"{precision}: {losses}{'' if one.finite else '; ' + _cause(one)}"
        yield "each image by itself, in fp32 and with the running statistics of BatchNorm:"
        for sample in self.samples[:SHOWN]:
            yield f"  {_losses(sample.losses)}  {sample.name}{_target(sample.target)}"
        if len(self.samples) > SHOWN:
            yield f"  … and {len(self.samples) - SHOWN} more with smaller losses"


@dataclass(frozen=True)
class Replay:
    """What `replay` found. `reason`: as the run said it. `weights`: those that were not finite before the step;
    `largest`: the one with the largest number, and how large."""

    path: Path
    reason: str
    weights: tuple[str, ...]
    largest: tuple[str, float]
    batches: tuple[Replayed, ...]

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.path.name}: {self.reason}"
        if self.weights:
            yield f"before the step these weights were not finite: {_some(self.weights)}"
        yield f"the largest weight before the step: {self.largest[1]:.4g} in {self.largest[0]}"
        for batch in self.batches:
            yield from batch.lines()
            if len(batch.samples) > 1 and not any(sample.finite for sample in batch.samples):
                yield "no image is finite by itself: it is the weights, which a high rate lets grow, not an image"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "file": str(self.path),
            "reason": self.reason,
            "weights": list(self.weights),
            "largest": list(self.largest),
            "batches": [_plain(asdict(batch)) for batch in self.batches],
        }


@takes(ReplaySettings)
def replay(run: str | os.PathLike[str], step: int | str | None = None, **settings: Any) -> Replay:
    """Compute again what `fit` kept of a step whose loss was not finite: `step`, the newest where none is named.

    The very batch, weights and random states, in 32 bits and in the run's precision. Nothing is changed in the run.
    InputError where nothing was kept.
    """
    options = settings_from(ReplaySettings, settings)
    directory, saved = open_run(Path(run))
    path = _file(directory.checkpoints, None if step is None else str(step))
    kept = evidence.read(path)
    placement = _placement(kept.placement, options.device)
    task = _task(saved)
    batches = []
    with randomness.sheltered():
        for number, (batch, position, _) in enumerate(kept.batches):
            passes: dict[str, Pass] = {}
            for one in dict.fromkeys((replace(placement, precision="fp32"), placement)):
                _load(task, kept)
                passes[one.precision] = passed(place(task, one), kept, number, one)
            _load(task, kept)
            samples = alone(place(task, placement), kept, number, placement.device)
            batches.append(Replayed(position, batch.names, passes, tuple(samples)))
    return Replay(path, kept.reason, wrong_weights(kept.weights), largest_weight(kept.weights), tuple(batches))


def _file(directory: Path, step: str | None) -> Path:
    files = evidence.files(directory)
    if not files:
        raise InputError(f"{directory} holds no step that was not finite: there is nothing to replay.")
    if step is None:
        return files[-1]
    by_step = {file.stem.rpartition("-")[2]: file for file in files}
    if step not in by_step:
        raise InputError(f"Nothing was kept of step {step!r}. There is: {', '.join(by_step)}.")
    return by_step[step]


def _placement(saved: Mapping[str, Any], device: str) -> Placement:
    """The run's, not compiled: layers are looked at one by one. On the CPU where its device is not here."""
    try:
        found = find_device(saved["device"] if device == "auto" else device)
    except InputError:
        if device != "auto":
            raise
        found = torch.device("cpu")
    return replace(Placement.from_json({**saved, "device": str(found)}), compile=False)


def _task(saved: Mapping[str, Any]) -> Task:
    card = Card.from_json(saved["card"])
    config = dict(saved["task"])
    backbone = build(card.architecture, in_channels=card.input.channels, **card.build)
    if saved["settings"].get("channels_last") == "no":
        backbone.channels_last = ()
    return create(config.pop("name"), backbone, config)


def _load(task: Task, kept: evidence.Evidence) -> None:
    try:
        task.load_state_dict(kept.weights)
    except RuntimeError as error:
        raise WeightsError(f"The step was kept of another network than the run's: {error}") from error


def _cause(one: Pass) -> str:
    if one.layer is None:
        if one.gradients:
            return f"gradients that are not finite: {_some(one.gradients)}"
        return "no layer inside is to blame: it is the sum of the losses"
    images = f"of {_some(one.layer.samples)}"
    if not one.layer.name:
        return f"every layer is finite, the loss is not, {images}"
    finite = math.isfinite(one.layer.reached)
    came = f"reaches {one.layer.reached:.4g}" if finite else "is not finite itself: look at the image"
    return f"first not finite: {one.layer.name} ({one.layer.kind}), {images}; what goes into it {came}"


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _losses(losses: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:9.4g}" for name, value in losses.items())


def _target(target: tuple[float, float] | None) -> str:
    if target is None:
        return ""
    return f"  target {target[0]:.6g}" if target[0] == target[1] else f"  target {target[0]:.6g} to {target[1]:.6g}"


def _plain(value: Any) -> Any:
    """Numbers that JSON does not have become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
