"""A backbone from its name."""

import importlib
from typing import Any

from plusx.backbones.catalogue import architecture
from plusx.backbones.variant import VARIANTS, at_least, changed
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.nn.blur_pool import set_blur_pool
from plusx.nn.group_norm import grouped

OUTPUT_STRIDES = (8, 16, 32)


def build(name: str, *, in_channels: int = 3, output_stride: int = 32, **settings: Any) -> Backbone:
    """The backbone `name` with random weights.

    in_channels: of the images, 1 or more. output_stride: 32, 16 or 8, input pixels between the points of the last
    map at the most; what a network strides beyond it becomes dilation. settings: fields of the paper file's
    configuration, e.g. eps, bias; and of every network blur_pool=True: maps are blurred before they are halved, see
    `nn.blur_pool`; group_norm=32: groups in the place of batches, see `nn.group_norm`. Raises InputError for an unknown
    name (three nearest) or setting.
    """
    at_least(1, in_channels=in_channels)
    if output_stride not in OUTPUT_STRIDES:
        raise InputError(f"output_stride is {output_stride!r}; expected 8, 16 or 32")
    importlib.import_module(f"plusx.backbones.{architecture(name).module}")
    variant, blurs, groups = VARIANTS[name], settings.pop("blur_pool", False), settings.pop("group_norm", None)
    if not isinstance(blurs, bool):
        raise InputError(f"setting blur_pool of {name} is {blurs!r}; expected True or False")
    backbone = variant.backbone(changed(variant.config, settings, name), in_channels, output_stride)
    backbone.channels_last = architecture(name).channels_last
    if blurs and not set_blur_pool(backbone):
        raise InputError(f"{name} has no layer that blur_pool could change; leave it out")
    if groups is not None:
        at_least(1, group_norm=groups)
        grouped(backbone, groups)
    return backbone
