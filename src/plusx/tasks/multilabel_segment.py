"""Any number of classes for every pixel: the heads of `segment`, one sigmoid a class."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from torch import Tensor

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.prediction import MasksPrediction, Prediction
from plusx.core.task import TASKS, Task
from plusx.core.view import View
from plusx.tasks import settings
from plusx.tasks.metrics.multilabel_segment import MultiLabelSegmentMetrics
from plusx.tasks.segment import SegmentConfig, Segmenter


@dataclass(frozen=True)
class MultiLabelSegmentConfig(SegmentConfig):
    """As `SegmentConfig`, whose losses are those of every class by itself: cross-entropy is binary.

    `threshold`: the probability from which on a pixel has a class, between 0 and 1.
    """

    task: ClassVar[str] = "multilabel-segment"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.threshold < 1.0:
            raise InputError(f"The task {self.task} needs a threshold between 0 and 1, not {self.threshold}")

    @property
    def least(self) -> float:
        """The logit of `threshold`."""
        return math.log(self.threshold / (1 - self.threshold))


@final
class MultiLabelSegment(Segmenter):
    """Decoded, a map of yes and no for every class, independent of the others."""

    name = "multilabel-segment"

    def __init__(self, backbone: Backbone, config: MultiLabelSegmentConfig) -> None:
        super().__init__(backbone, config)
        self.least = config.least

    def decode(self, outputs: Tensor, view: View | None = None) -> Tensor:
        """bool (B, classes, H, W); with a `view` on the grid of the image, whose logits are resized first."""
        logits = outputs if view is None else view.maps_to_image(outputs.float())
        return logits >= self.least

    def predict(self, outputs: Tensor, names: Sequence[str], view: View | None = None) -> list[Prediction]:
        masks = self.decode(outputs, view).cpu().numpy()
        return [MasksPrediction.of(name, self.settings.classes, own) for name, own in zip(names, masks, strict=True)]

    def metrics(self) -> MultiLabelSegmentMetrics:
        return MultiLabelSegmentMetrics(self.settings.classes, self.least)


def create(backbone: Backbone, config: Mapping[str, Any]) -> Task:
    """`MultiLabelSegment` from JSON values."""
    return MultiLabelSegment(backbone, settings.read(MultiLabelSegmentConfig, "multilabel-segment", config))


TASKS.register("multilabel-segment")(create)
