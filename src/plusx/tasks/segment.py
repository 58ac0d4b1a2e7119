"""One class for every pixel: a segmentation head on the backbone's maps, its scores resized to the image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Final, final, overload

import torch
from torch import Tensor, nn

from plusx.core.backbone import Backbone, Features
from plusx.core.errors import InputError, unknown
from plusx.core.prediction import MaskPrediction, Prediction
from plusx.core.stage import Stage
from plusx.core.task import TASKS, Task
from plusx.core.view import View
from plusx.nn.segmentation.deeplab import DeepLabV3, DeepLabV3Plus
from plusx.nn.segmentation.fcn import FCN, FCNHead
from plusx.nn.segmentation.losses import OF_AREAS, OF_PIXELS, VOID
from plusx.nn.segmentation.lraspp import LRASPP
from plusx.nn.segmentation.maps import resized
from plusx.nn.segmentation.unet import UNet, UNetPaper
from plusx.tasks import settings
from plusx.tasks.metrics.segment import SegmentMetrics


@dataclass(frozen=True)
class Head:
    """`build(stages, classes, dropout=...)` makes it, or raises InputError where the stages do not suit it.

    `output_stride`: that its paper's network keeps. `dropout`: its own.
    """

    build: Callable[..., nn.Module]
    output_stride: int
    dropout: float


HEADS: Final = MappingProxyType(
    {
        "fcn": Head(FCNHead, 8, 0.1),  # the last map
        "fcn32s": Head(partial(FCN, stride=32), 32, 0.5),  # the last map
        "fcn16s": Head(partial(FCN, stride=16), 32, 0.5),  # and that of stride 16
        "fcn8s": Head(partial(FCN, stride=8), 32, 0.5),  # and that of stride 8
        "unet": Head(UNet, 32, 0.0),  # one of every stride
        "unet-paper": Head(UNetPaper, 32, 0.5),  # one of every stride
        "deeplabv3": Head(DeepLabV3, 8, 0.5),  # the last map
        "deeplabv3+": Head(DeepLabV3Plus, 16, 0.5),  # and that of stride 4
        "lraspp": Head(LRASPP, 16, 0.0),  # and that of stride 8
    }
)
"""By name; the maps that each looks at."""

AUXILIARY_WEIGHT: Final = 0.4
"""Zhao et al., Pyramid Scene Parsing Network, 2017, arXiv 1612.01105, section 5.2."""


def head_of(name: str | None) -> Head:
    """The head of that name; None: the usual one. InputError with the nearest names for an unknown one."""
    if name is not None and name not in HEADS:
        raise unknown("head of the task segment", name, HEADS)
    return HEADS[SegmentConfig.head if name is None else name]


@dataclass(frozen=True)
class SegmentConfig:
    """`classes`: names in the order of the outputs, 255 at most, as a mask says 255 for void. `head`: of `HEADS`.

    `losses`: summed; "cross-entropy", "focal", "ohem-cross-entropy", "dice", "lovasz". `auxiliary`: in training the
    stage before the last gets a head of its own, whose losses count 0.4. `dropout`: 0 to below 1; None: the head's own.
    `class_weights`: one a class, for classes of unequal area (see `tasks.imbalance`). `rates`: of the 3×3 of DeepLab's
    pyramid; None: the head's own.
    """

    task: ClassVar[str] = "segment"
    classes: tuple[str, ...]
    head: str = "deeplabv3+"
    losses: tuple[str, ...] = ("cross-entropy",)
    auxiliary: bool = False
    dropout: float | None = None
    class_weights: tuple[float, ...] | None = None
    rates: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        settings.check_names(self.task, "classes", self.classes)
        settings.check_names(self.task, "losses", self.losses)
        if len(self.classes) > VOID:
            raise InputError(f"The task {self.task} has {len(self.classes)} classes; a mask of 8 bits can name {VOID}")
        head_of(self.head)
        for loss in self.losses:
            if loss not in OF_PIXELS and loss not in OF_AREAS:
                raise unknown(f"loss of the task {self.task}", loss, [*OF_PIXELS, *OF_AREAS])
        if self.rates is not None and not self.head.startswith("deeplab"):
            raise InputError(f"The head {self.head} of the task {self.task} has no rates; leave them out")
        if self.dropout is not None:
            settings.check_share(self.task, "dropout", self.dropout)
        settings.check_weights(self.task, "class_weights", self.class_weights, self.classes)
        if self.class_weights is not None and not set(self.losses) & set(OF_PIXELS):
            raise InputError(
                f"class_weights have no effect on the losses {', '.join(self.losses)}, in which every class weighs the "
                f"same; leave them out or add one of {', '.join(OF_PIXELS)}"
            )


@final
class Heads(nn.Module):
    """`main`, and where it is asked for `auxiliary` on the stage before the last."""

    auxiliary: FCNHead | None

    def __init__(self, stages: tuple[Stage, ...], config: SegmentConfig) -> None:
        super().__init__()
        head, classes = HEADS[config.head], len(config.classes)
        changes = {"rates": config.rates} if config.rates else {}
        dropout = head.dropout if config.dropout is None else config.dropout
        self.main = head.build(stages, classes, dropout=dropout, **changes)
        if config.auxiliary and len(stages) < 2:
            raise InputError("auxiliary=True needs a network of two stages or more; leave it out")
        self.auxiliary = FCNHead(stages[:-1], classes) if config.auxiliary else None

    def forward(self, features: Features) -> Tensor:
        return self.main(features)


class Segmenter(Task):
    """What both tasks of masks are: outputs are logits (B, classes, H, W) on the images' own grid."""

    dense = True
    class_weights: Tensor | None

    def __init__(self, backbone: Backbone, config: SegmentConfig) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = Heads(backbone.stages, config)
        self.settings = config
        weights = None if config.class_weights is None else torch.tensor(config.class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)

    @property
    def auxiliary(self) -> FCNHead | None:
        """The head of deep supervision, part of `head`."""
        assert isinstance(self.head, Heads)
        return self.head.auxiliary

    @overload
    def forward(self, images: Tensor) -> Tensor: ...
    @overload
    def forward(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]: ...
    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """targets: class indices (B, H, W), or layers of 0 and 1 (B, classes, H, W), uint8, 255 void. Loss parts: those
        of the configuration, and "auxiliary", the sum of the same for the auxiliary head, × 0.4."""
        features = self.backbone(images)
        logits = resized(_logits(self.head, features), images)
        if targets is None:
            return logits
        losses = self._losses(logits, targets)
        if self.auxiliary is not None:
            logits = resized(_logits(self.auxiliary, features), images)
            losses["auxiliary"] = AUXILIARY_WEIGHT * torch.stack([*self._losses(logits, targets).values()]).sum()
        return losses

    def _losses(self, logits: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """By name, in the order of the configuration."""
        return {
            name: OF_PIXELS[name](logits, masks, self.class_weights)
            if name in OF_PIXELS
            else OF_AREAS[name](logits, masks)
            for name in self.settings.losses
        }

    def config(self) -> dict[str, Any]:
        return settings.to_json(self.settings)


@final
class Segment(Segmenter):
    """Decoded, a map of class indices."""

    name = "segment"

    def decode(self, outputs: Tensor, view: View | None = None) -> Tensor:
        """Class indices (B, H, W) int64; with a `view` on the grid of the image, whose logits are resized first."""
        return self.scores(outputs, view).argmax(dim=1)

    def scores(self, outputs: Tensor, view: View | None = None) -> Tensor:
        """Logits (B, classes, H, W); with a `view` on the grid of the image."""
        return outputs if view is None else view.maps_to_image(outputs.float())

    def predict(self, outputs: Tensor, names: Sequence[str], view: View | None = None) -> list[Prediction]:
        masks = self.decode(outputs, view).cpu().numpy()
        return [MaskPrediction.of(name, self.settings.classes, mask) for name, mask in zip(names, masks, strict=True)]

    def metrics(self) -> SegmentMetrics:
        return SegmentMetrics(self.settings.classes)


def _logits(head: nn.Module, features: Features) -> Tensor:
    """InputError where batch normalisation meets a single point in training."""
    try:
        return head(features)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise InputError(
            "one image ends as a single point, of which batch normalisation cannot take statistics in training. Take "
            "two or more images, larger ones, a smaller output stride, or eval mode"
        ) from error


def create(backbone: Backbone, config: Mapping[str, Any]) -> Task:
    """`Segment` from JSON values."""
    return Segment(backbone, settings.read(SegmentConfig, "segment", config))


TASKS.register("segment")(create)
