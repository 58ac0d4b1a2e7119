"""torchvision's names of Faster R-CNN (torchvision/models/detection): backbone.body, backbone.fpn, rpn, roi_heads.

Files from before torchvision 0.13, so the published fasterrcnn_resnet50_fpn, wrap no convolution of the pyramid and of
the proposals: inner_blocks.0.weight for inner_blocks.0.0.weight, rpn.head.conv.weight for rpn.head.conv.0.0.weight.
Mask R-CNN and Keypoint R-CNN are the same and predict something more, RetinaNet has another head on a like pyramid.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from plusx.weights.sources.layout import COUNTER, NONE, DenseHead, Layout, Tensors, below, padded, with_body
from plusx.weights.sources.mobilenet import torchvision as mobilenet
from plusx.weights.sources.resnet import torchvision

_BODY: Final = "backbone.body."
_HEADS: Final = ("backbone.fpn.", "rpn.", "roi_heads.")
_EXTRAS: Final = {"roi_heads.mask_": "layers for masks", "roi_heads.keypoint_": "layers for keypoints"}
_WRAPPED: Final = re.compile(r"((?:inner|layer)_blocks\.\d+\.|rpn\.head\.conv\.0\.)0\.(weight|bias)$")
_SCORES: Final = "roi_heads.box_predictor.cls_score.weight"


NO_EPS: Final = 1e-30
"""In place of 0, which a normalisation here may not have: added to a variance above 1e-22 it is lost in 32 bits."""


def _of_head(tensor: str) -> tuple[str, ...]:
    name = tensor.removeprefix("head.")
    if name.startswith("fpn."):
        name = f"backbone.{name}"
    if not is_head(name):
        return ()
    older = _WRAPPED.sub(r"\1\2", name).replace("rpn.head.conv.0.", "rpn.head.conv.")
    return (name,) if older == name else (name, older)


def is_head(name: str) -> bool:
    """Whether a tensor of the file belongs to pyramid, proposals or classifier."""
    return name.startswith(_HEADS)


def is_extra(name: str) -> bool:
    """Whether it is of masks or keypoints."""
    return name.startswith(tuple(_EXTRAS))


def recognise(tensors: Tensors) -> bool:
    """A ResNet inside a detector with boxes of two steps."""
    return f"{_BODY}layer4.0.conv1.weight" in tensors and _SCORES in tensors


def version(tensors: Tensors) -> int:
    """2 where the pyramid is normalised, as in fasterrcnn_resnet50_fpn_v2."""
    return 2 if "backbone.fpn.inner_blocks.0.1.weight" in tensors else 1


def classes(tensors: Tensors) -> int:
    """Their number, without background."""
    return tensors[_SCORES].shape[0] - 1


def dense(tensors: Tensors) -> DenseHead:
    """Boxes, suppressed as torchvision does."""
    settings = {"head": "faster-rcnn", "head_settings": {"version": version(tensors)}, "iou": 0.5}
    extras = [what for prefix, what in _EXTRAS.items() if any(name.startswith(prefix) for name in tensors)]
    return DenseHead("detect", settings, classes(tensors), padded(800), left_out=" and ".join(extras))


def settings(tensors: Tensors) -> Mapping[str, Any]:
    """ε is 0 in torchvision's frozen normalisation of the published version 1, and in what was trained on from it.

    Normalisation that is not frozen counts its batches, and has the usual ε.
    """
    counted = any(name.startswith(_BODY) and name.endswith(COUNTER) for name in tensors)
    return NONE if counted or version(tensors) == 2 else {"eps": NO_EPS}


_NAMES: Final = with_body(torchvision.LAYOUT, below(_BODY), _of_head)

LAYOUT: Final = Layout(
    "torchvision",
    torchvision.MODULES,
    recognise,
    _NAMES,
    settings=settings,
    is_head=is_head,
    is_extra=is_extra,
    dense=dense,
    dense_counterparts={"resnet50": "fasterrcnn_resnet50_fpn"},
)


def recognise_mobilenet(tensors: Tensors) -> bool:
    """A MobileNetV3 inside a detector with boxes of two steps."""
    return f"{_BODY}1.block.0.0.weight" in tensors and _SCORES in tensors


def dense_mobilenet(tensors: Tensors) -> DenseHead:
    """The last two maps of stride 32 and a pooled one, anchors of every size on each.

    As fasterrcnn_mobilenet_v3_large_fpn has it; the same weights for small images (_320_fpn) end with 150 proposals.
    """
    small = {"strides": [32, 32], "sizes": [[32, 64, 128, 256, 512]] * 3, "least": 0.05}
    told = dense(tensors)
    return replace(told, settings={**told.settings, "head_settings": {"version": 1, **small}})


MOBILENET: Final = Layout(
    "torchvision",
    mobilenet.V3.modules,
    recognise_mobilenet,
    with_body(mobilenet.V3, below(_BODY), _of_head),
    is_head=is_head,
    built={"eps": 1e-5, "momentum": 0.1, "late_ends": True},
    dense=dense_mobilenet,
    dense_counterparts={"mobilenet_v3_large": "fasterrcnn_mobilenet_v3_large_fpn"},
)


def recognise_retinanet(tensors: Tensors) -> bool:
    """A ResNet inside a detector of one step."""
    return f"{_BODY}layer4.0.conv1.weight" in tensors and "head.classification_head.cls_logits.weight" in tensors


def is_retinanet_head(name: str) -> bool:
    """Whether a tensor of the file belongs to pyramid or head."""
    return not name.startswith(_BODY)


RETINANET: Final = Layout(
    "torchvision", torchvision.MODULES, recognise_retinanet, _NAMES, settings=settings, is_head=is_retinanet_head
)
"""Its backbone alone."""
