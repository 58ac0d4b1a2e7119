"""One class out of several: softmax and cross-entropy on the last feature map, pooled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor

from plusx.core.backbone import Backbone
from plusx.core.prediction import LabelPrediction, Prediction
from plusx.core.task import TASKS, Task
from plusx.core.view import View
from plusx.nn.heads import PooledLinear
from plusx.nn.losses import cross_entropy
from plusx.tasks import settings
from plusx.tasks.metrics.classify import ClassifyMetrics


@dataclass(frozen=True)
class ClassifyConfig:
    """`classes`: names in the order of the outputs. `class_weights`: one a class, for images of unequal number (see
    `tasks.imbalance`). `label_smoothing` and `dropout`: 0 to below 1.
    """

    classes: tuple[str, ...]
    dropout: float = 0.0
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        settings.check_names("classify", "classes", self.classes)
        settings.check_share("classify", "dropout", self.dropout)
        settings.check_share("classify", "label_smoothing", self.label_smoothing)
        settings.check_weights("classify", "class_weights", self.class_weights, self.classes)


class Classify(Task):
    """Outputs are logits (B, classes); decoded, probabilities that sum to 1."""

    name = "classify"
    class_weights: Tensor | None

    def __init__(self, backbone: Backbone, config: ClassifyConfig) -> None:
        super().__init__()
        self.backbone = backbone
        self.last = backbone.stages[-1]
        self.head = PooledLinear(self.last.channels, len(config.classes), config.dropout, backbone.hidden)
        self.settings = config
        weights = None if config.class_weights is None else torch.tensor(config.class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)

    @overload
    def forward(self, images: Tensor) -> Tensor: ...
    @overload
    def forward(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]: ...
    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """targets: class indices (B,) int64 or probabilities (B, classes). Loss part: cross-entropy."""
        logits = self.head(self.backbone(images)[self.last.name])
        if targets is None:
            return logits
        loss = cross_entropy(logits, targets, self.class_weights, self.settings.label_smoothing)
        return {"cross-entropy": loss}

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
