"""Any number of classes at once: one sigmoid a class on the last feature map, pooled, and a loss of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.prediction import LabelsPrediction, Prediction
from plusx.core.task import TASKS, Task
from plusx.core.view import View
from plusx.nn.heads import PooledLinear
from plusx.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from plusx.nn.losses.create import LOSSES_OF_SEVERAL
from plusx.nn.losses.loss import Loss, LossOfSeveral
from plusx.tasks import settings
from plusx.tasks.metrics.multilabel import MultiLabelMetrics


@dataclass(frozen=True)
class MultiLabelConfig:
    """`classes`: names in the order of the outputs. `threshold`: the probability from which on a class is given.
    `positive_weights`: one a class, for classes that few images have (see `tasks.imbalance`). `loss`: one that is
    defined for several classes at once; None: binary cross-entropy with `label_smoothing`.
    """

    classes: tuple[str, ...]
    threshold: float = 0.5
    dropout: float = 0.0
    label_smoothing: float = 0.0
    positive_weights: tuple[float, ...] | None = None
    loss: Loss | None = None

    def __post_init__(self) -> None:
        settings.check_names("multilabel", "classes", self.classes)
        settings.check_share("multilabel", "threshold", self.threshold)
        settings.check_share("multilabel", "dropout", self.dropout)
        settings.check_share("multilabel", "label_smoothing", self.label_smoothing)
        settings.check_weights("multilabel", "positive_weights", self.positive_weights, self.classes)
        settings.check_smoothing("multilabel", self.label_smoothing, self.loss)
        assert self.learned

    @property
    def learned(self) -> LossOfSeveral:
        """The loss that is learned by."""
        if self.loss is None:
            return BinaryCrossEntropy(self.label_smoothing)
        if not isinstance(self.loss, LossOfSeveral):
            raise InputError(
                f"The loss {self.loss.name} is for one class an image; the task multilabel takes one of "
                f"{', '.join(LOSSES_OF_SEVERAL)}"
            )
        return self.loss


class MultiLabel(Task):
    """Outputs are logits (B, classes); decoded, one probability a class, independent of the others."""

    name = "multilabel"
    positive_weights: Tensor | None

    def __init__(self, backbone: Backbone, config: MultiLabelConfig) -> None:
        super().__init__()
        self.backbone = backbone
        self.last = backbone.stages[-1]
        self.head = PooledLinear(self.last.channels, len(config.classes), config.dropout, backbone.hidden)
        self.settings = config
        weights = None if config.positive_weights is None else torch.tensor(config.positive_weights)
        self.register_buffer("positive_weights", weights, persistent=False)

    @overload
    def forward(self, images: Tensor) -> Tensor: ...
    @overload
    def forward(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]: ...
    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """targets: (B, classes), 0..1. Loss part: by its name."""
        logits = self.head(self.backbone(images)[self.last.name])
        if targets is None:
            return logits
        loss = self.settings.learned
        return {loss.name: loss.of_several(logits, targets, self.positive_weights)}

    def decode(self, outputs: Tensor, view: View | None = None) -> Tensor:
        """Probabilities (B, classes)."""
        return outputs.float().sigmoid()

    def predict(self, outputs: Tensor, names: Sequence[str], view: View | None = None) -> list[Prediction]:
        rows = self.decode(outputs).tolist()
        classes, threshold = self.settings.classes, self.settings.threshold
        return [LabelsPrediction.of(name, classes, row, threshold) for name, row in zip(names, rows, strict=True)]

    def metrics(self) -> MultiLabelMetrics:
        return MultiLabelMetrics(self.settings.classes, self.settings.threshold)

    def config(self) -> dict[str, Any]:
        return settings.to_json(self.settings)


def create(backbone: Backbone, config: Mapping[str, Any]) -> Task:
    """`MultiLabel` from JSON values."""
    return MultiLabel(backbone, settings.read(MultiLabelConfig, "multilabel", config))


TASKS.register("multilabel")(create)
