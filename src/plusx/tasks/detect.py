"""Objects and where they are: a detection head on the backbone's maps, its boxes suppressed within each class."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol, overload

import torch
from torch import Tensor, nn

from plusx.core.backbone import Backbone, Features
from plusx.core.errors import InputError, unknown
from plusx.core.prediction import BoxesPrediction, Prediction
from plusx.core.task import Task
from plusx.core.view import View
from plusx.nn.detection.best import best
from plusx.nn.detection.faster_rcnn import FasterRCNN, FasterRCNNConfig
from plusx.nn.detection.nms import Gaussian, soft_suppressed, suppressed
from plusx.nn.detection.rt_detr import RTDETR, RTDETRConfig
from plusx.nn.detection.ssd import SSD, SSDConfig
from plusx.nn.detection.yolo import Yolo, YoloConfig
from plusx.tasks import settings
from plusx.tasks.metrics.detect import DetectMetrics


class Detector(Protocol):
    """What every head of `nn.detection` is."""

    def __call__(self, features: Features, size: tuple[int, int]) -> Tensor:
        """size: H, W of the images. Candidates (B, K, 6): x1, y1, x2, y2 in pixels, score 0..1, label; best first."""
        ...

    def losses(self, features: Features, size: tuple[int, int], targets: Tensor) -> dict[str, Tensor]:
        """targets: (B, M, 7). Named scalars."""
        ...


@dataclass(frozen=True)
class Head:
    """`build(stages, classes, config)` makes it, or raises InputError where the stages do not suit it; `config` is the
    class of its settings. `output_stride`: of the backbone that it is made for. `distinct`: its candidates stand for
    different objects each, so that none suppresses another.
    """

    build: Callable[..., nn.Module]
    config: type[Any]
    output_stride: int = 32
    distinct: bool = False


HEADS: Final[Mapping[str, Head]] = MappingProxyType(
    {
        "yolo": Head(Yolo, YoloConfig),
        "ssd": Head(SSD, SSDConfig),
        "faster-rcnn": Head(FasterRCNN, FasterRCNNConfig),
        "rt-detr": Head(RTDETR, RTDETRConfig, distinct=True),
    }
)
"""By name; the first is the usual one."""


SUPPRESSIONS: Final = ("greedy", "soft")


@dataclass(frozen=True)
class DetectConfig:
    """`classes`: names in the order of the labels. `head`: of `HEADS`; `head_settings`: what differs in it.

    `suppression`, unless the head's candidates are distinct: "greedy": of two boxes of a class that overlap by more
    than `iou` the surer one stays; "soft": the other one stays too, its score times exp(−IoU² / `sigma`) (Bodla et al.
    2017). `least`: score of what is counted at all: average precision asks for unsure boxes too. `threshold`: score of
    what predictions show. `detections`: of an image at most.
    """

    classes: tuple[str, ...]
    head: str = "yolo"
    head_settings: Mapping[str, Any] | None = None
    suppression: str = "greedy"
    iou: float = 0.6
    sigma: float = 0.5
    least: float = 0.05
    threshold: float = 0.25
    detections: int = 100

    def __post_init__(self) -> None:
        settings.check_names("detect", "classes", self.classes)
        head_of(self.head)
        if not 0.0 < self.iou <= 1.0:
            raise InputError(f"The task detect needs iou above 0, to 1, not {self.iou}")
        if self.suppression not in SUPPRESSIONS:
            raise unknown("suppression of the task detect", self.suppression, SUPPRESSIONS)
        if not self.sigma > 0.0:
            raise InputError(f"The task detect needs sigma above 0, not {self.sigma}")
        settings.check_share("detect", "least", self.least)
        settings.check_share("detect", "threshold", self.threshold)
        if self.detections < 1:
            raise InputError(f"The task detect needs 1 or more detections, not {self.detections}")


class Detect(Task):
    """Outputs are candidates (B, K, 6): x1, y1, x2, y2 in pixels of the input, score 0..1, label; decoded, the
    detections (B, D, 6) that are left of them."""

    name = "detect"
    dense = True

    def __init__(self, backbone: Backbone, config: DetectConfig) -> None:
        super().__init__()
        self.backbone = backbone
        head = head_of(config.head)
        own = settings.read(head.config, f"detect with the head {config.head}", config.head_settings or {})
        self.head = head.build(backbone.stages, len(config.classes), own)
        self.settings = config

    @overload
    def forward(self, images: Tensor) -> Tensor: ...
    @overload
    def forward(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]: ...
    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """targets: (B, M, 7): label (-1: no box), x1, y1, x2, y2, 1 where ignored, area. Loss parts: the head's."""
        features, size = self.backbone(images), (images.shape[2], images.shape[3])
        head: Detector = self.head  # type: ignore[assignment]
        return head(features, size) if targets is None else head.losses(features, size, targets)

    def decode(self, outputs: Tensor, view: View | None = None) -> Tensor:
        """Detections (B, D, 6), best first, in pixels of the input or of the image behind `view`; where there are no
        more, score 0 and label -1."""
        config = self.settings
        if head_of(config.head).distinct:
            found = best(outputs, config.detections, config.least)
        elif config.suppression == "soft":
            found = soft_suppressed(outputs, Gaussian(config.sigma), config.detections, config.least)
        else:
            found = suppressed(outputs, config.iou, config.detections, config.least)
        if view is None:
            return found
        corners = view.boxes_to_image(found[..., :4]) * (found[..., 4:5] > 0)
        return torch.cat((corners, found[..., 4:]), dim=-1)

    def predict(self, outputs: Tensor, names: Sequence[str], view: View | None = None) -> list[Prediction]:
        rows = self.decode(outputs, view).tolist()
        classes, threshold = self.settings.classes, self.settings.threshold
        return [BoxesPrediction.of(name, classes, row, threshold) for name, row in zip(names, rows, strict=True)]

    def metrics(self) -> DetectMetrics:
        return DetectMetrics(self.settings.classes, self.decode)

    def config(self) -> dict[str, Any]:
        return settings.to_json(self.settings)


def head_of(name: str | None) -> Head:
    """The head `name`, the usual one for None. InputError with the nearest names for an unknown one."""
    name = next(iter(HEADS)) if name is None else name
    if name not in HEADS:
        raise unknown("head of the task detect", name, HEADS)
    return HEADS[name]


def create(backbone: Backbone, config: Mapping[str, Any]) -> Task:
    """`Detect` from JSON values."""
    return Detect(backbone, settings.read(DetectConfig, "detect", config))
