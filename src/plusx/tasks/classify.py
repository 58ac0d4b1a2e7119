"""One class out of several: scores of the last feature map, pooled, and a loss of them, cross-entropy for a start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor

from plusx.core.backbone import Backbone
from plusx.core.prediction import LabelPrediction, Prediction
from plusx.core.remembered import Remembered
from plusx.core.task import TASKS, Task
from plusx.core.view import View
from plusx.nn.heads import PooledLinear
from plusx.nn.losses.cross_entropy import CrossEntropy
from plusx.nn.losses.early_learning import EarlyLearning
from plusx.nn.losses.loss import Counting, Loss
from plusx.tasks import settings
from plusx.tasks.metrics.classify import ClassifyMetrics


@dataclass(frozen=True)
class ClassifyConfig:
    """`classes`: names in the order of the outputs. `class_weights`: one a class, for images of unequal number (see
    `tasks.imbalance`). `label_smoothing` and `dropout`: 0 to below 1. `loss`: None: cross-entropy with
    `label_smoothing`; another one brings its own.
    """

    classes: tuple[str, ...]
    dropout: float = 0.0
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    loss: Loss | None = None

    def __post_init__(self) -> None:
        settings.check_names("classify", "classes", self.classes)
        settings.check_share("classify", "dropout", self.dropout)
        settings.check_share("classify", "label_smoothing", self.label_smoothing)
        settings.check_weights("classify", "class_weights", self.class_weights, self.classes)
        settings.check_smoothing("classify", self.label_smoothing, self.loss)
        if isinstance(self.loss, Counting):
            self.loss.check(len(self.classes))

    @property
    def learned(self) -> Loss:
        """The loss that is learned by."""
        return CrossEntropy(self.label_smoothing) if self.loss is None else self.loss


class Classify(Task):
    """Outputs are logits (B, classes), of which softmax makes the probabilities whatever the loss was."""

    name = "classify"
    class_weights: Tensor | None

    def __init__(self, backbone: Backbone, config: ClassifyConfig) -> None:
        super().__init__()
        self.backbone = backbone
        self.last = backbone.stages[-1]
        self.head = PooledLinear(self.last.channels, len(config.classes), config.dropout, backbone.hidden)
        self.settings = config
        if isinstance(config.loss, EarlyLearning):
            self.remembered = Remembered(config.loss.name, len(config.classes))
        weights = None if config.class_weights is None else torch.tensor(config.class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)

    @overload
    def forward(self, images: Tensor) -> Tensor: ...
    @overload
    def forward(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]: ...
    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """targets: class indices (B,) int64 or probabilities (B, classes). Loss part: by its name."""
        scores = self.head(self.backbone(images)[self.last.name])
        loss = self.settings.learned
        if targets is None:
            return loss.logits(scores)
        known = self.remembered
        if isinstance(loss, EarlyLearning) and known is not None and known.recalled is not None:
            return {loss.name: loss.remembering(scores, targets, known, self.class_weights)}
        return {loss.name: loss(scores, targets, self.class_weights)}

    def decode(self, outputs: Tensor, view: View | None = None) -> Tensor:
        """Probabilities (B, classes)."""
        return outputs.float().softmax(dim=1)

    def predict(self, outputs: Tensor, names: Sequence[str], view: View | None = None) -> list[Prediction]:
        rows = self.decode(outputs).tolist()
        return [LabelPrediction.of(name, self.settings.classes, row) for name, row in zip(names, rows, strict=True)]

    def metrics(self) -> ClassifyMetrics:
        return ClassifyMetrics(self.settings.classes)

    def config(self) -> dict[str, Any]:
        return settings.to_json(self.settings)


def create(backbone: Backbone, config: Mapping[str, Any]) -> Task:
    """`Classify` from JSON values."""
    return Classify(backbone, settings.read(ClassifyConfig, "classify", config))


TASKS.register("classify")(create)
