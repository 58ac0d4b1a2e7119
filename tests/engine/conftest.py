"""A task, batches and parts that are as small as they can be and still have everything a real run has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusx.core.backbone import Backbone
from plusx.core.batch import Batch
from plusx.core.details import Details
from plusx.core.prediction import LabelPrediction, Prediction
from plusx.core.stage import Stage
from plusx.core.task import Metrics, Task
from plusx.core.view import View
from plusx.engine.interrupt import Interrupt
from plusx.engine.observer import BeginInfo, EpochInfo, Observer, Silent, StepInfo, Stopped
from plusx.engine.parts import TrainParts
from plusx.engine.placement import Placement

CPU = Placement(torch.device("cpu"))


class TinyBackbone(Backbone):
    """Two stages; `batch_norm` False leaves nothing in it that depends on the other images of a batch."""

    def __init__(self, batch_norm: bool) -> None:
        super().__init__()
        self.stages = (Stage("conv1", 4, 2), Stage("conv2", 8, 4))
        norm = nn.BatchNorm2d if batch_norm else nn.Identity
        self.conv1 = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), norm(4), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1), norm(8), nn.ReLU())


class TinyMetrics:
    primary = "top-1"
    higher_is_better = True

    def __init__(self) -> None:
        self.correct = self.count = 0

    def update(self, outputs: Tensor, targets: Tensor, views: Sequence[View] = ()) -> None:
        classes = targets if targets.ndim == 1 else targets.argmax(1)
        self.correct += int((outputs.argmax(1) == classes).sum())
        self.count += len(outputs)

    def merge(self, other: Self) -> None:
        self.correct += other.correct
        self.count += other.count

    def compute(self) -> dict[str, float]:
        return {"top-1": self.correct / self.count, "images": float(self.count)}

    def details(self) -> Details:
        raise AssertionError("not asked for by the engine")


class TinyTask(Task):
    name = "tiny"

    def __init__(self, *, batch_norm: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = TinyBackbone(batch_norm)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(8, 3))

    def forward(self, images: Tensor, targets: Tensor | None = None) -> Any:
        outputs = self.head(self.backbone(images)["conv2"])
        if targets is None:
            return outputs
        return {
            "cross_entropy": F.cross_entropy(outputs.float(), targets),
            "size": 1e-3 * outputs.float().square().mean(),
        }

    def decode(self, outputs: Tensor, view: View | None = None) -> Tensor:
        return outputs.softmax(1)

    def predict(self, outputs: Tensor, names: Sequence[str], view: View | None = None) -> list[Prediction]:
        rows = self.decode(outputs).tolist()
        return [LabelPrediction.of(name, ("a", "b", "c"), row) for name, row in zip(names, rows, strict=True)]

    def metrics(self) -> Metrics:
        return TinyMetrics()

    def config(self) -> dict[str, Any]:
        return {}


class TinyBatches:
    """`count` random images in batches of `size`, in an order that is a function of the epoch."""

    def __init__(self, count: int = 20, size: int = 4, *, shuffle: bool = True) -> None:
        generator = torch.Generator().manual_seed(0)
        self.targets = torch.arange(count) % 3
        noise = torch.randint(0, 128, (count, 3, 8, 8), generator=generator)
        self.images = (noise + 60 * self.targets[:, None, None, None]).to(torch.uint8)
        self.size, self.shuffle = size, shuffle

    def __len__(self) -> int:
        return -(-len(self.images) // self.size)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        order = torch.arange(len(self.images))
        if self.shuffle:
            order = torch.randperm(len(order), generator=torch.Generator().manual_seed(number))
        torch.rand(())  # loaders draw from the global generator when they start
        for indices in order.split(self.size)[start:]:
            names = tuple(f"{index}.png" for index in indices.tolist())
            yield Batch(self.images[indices], self.targets[indices], names, indices)


def prepare(batch: Batch, generator: torch.Generator) -> Batch:
    """Scaled to -1..1, with no augmentation."""
    return replace(batch, images=batch.images.float() / 127.5 - 1)


def mix(batch: Batch, generator: torch.Generator) -> Batch:
    """As `prepare`, then mixed with a share and a partner from the generator."""
    assert batch.targets is not None
    share = torch.rand((), generator=generator)
    partner = torch.randperm(len(batch), generator=generator)
    images = batch.images.float() / 127.5 - 1
    targets = F.one_hot(batch.targets, 3).float()
    mixed = share * images + (1 - share) * images[partner]
    return replace(batch, images=mixed, targets=share * targets + (1 - share) * targets[partner])


class Listener(Silent):
    """Remembers what it was told; asks for an interruption after step `stop`."""

    def __init__(self, stop: int | None = None, interrupt: Interrupt | None = None) -> None:
        self.begins: list[BeginInfo] = []
        self.notes: list[str] = []
        self.steps: list[StepInfo] = []
        self.epochs: list[EpochInfo] = []
        self.ends: list[Stopped | None] = []
        self._stop, self._interrupt = stop, interrupt

    def on_begin(self, info: BeginInfo) -> None:
        self.begins.append(info)

    def on_note(self, text: str) -> None:
        self.notes.append(text)

    def on_step(self, info: StepInfo) -> None:
        self.steps.append(info)
        if info.step == self._stop and self._interrupt is not None:
            self._interrupt.request()

    def on_epoch(self, info: EpochInfo) -> None:
        self.epochs.append(info)

    def on_end(self, stopped: Stopped | None) -> None:
        self.ends.append(stopped)


@dataclass(frozen=True)
class Tiny:
    """What tests take from here: `tests` is no package that could be imported."""

    task = TinyTask
    batches = TinyBatches
    listener = Listener
    cpu = CPU
    prepare = staticmethod(prepare)
    mix = staticmethod(mix)

    @staticmethod
    def parts(directory: Path, *observers: Observer, **changes: Any) -> TrainParts:
        values: dict[str, Any] = {"prepare": prepare, "directory": directory, "observers": observers, **changes}
        return TrainParts(**values)

    @staticmethod
    def seeded(**settings: Any) -> TinyTask:
        """The same weights every time."""
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return TinyTask(**settings)


@pytest.fixture
def tiny() -> Tiny:
    return Tiny()
