"""segmentation_models_pytorch's names (decoders/unet, decoders/deeplabv3): encoder, decoder, segmentation_head.

The encoder is a ResNet as torchvision names it, without its classifier. One class there is a sigmoid; here it becomes
two, the first of which always has the logit 0, which is the same.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor

from plusx.weights.sources.layout import DenseHead, Layout, Tensors, below, padded, with_body
from plusx.weights.sources.resnet import torchvision
from plusx.weights.sources.segmentation import ASPP_LAYERS, MAIN, of_layers

SCORE: Final = "segmentation_head.0.weight"

_UP: Final = MappingProxyType(
    {"doubled": "conv1.0", "layers.norm": "conv1.1", "layers.layer2.conv": "conv2.0", "layers.layer2.norm": "conv2.1"}
)
UNET_LAYERS: Final = MappingProxyType(
    {
        f"up{stride}.{ours}": f"decoder.blocks.{block}.{theirs}"
        for block, stride in enumerate((16, 8, 4, 2, 1))
        for ours, theirs in _UP.items()
    }
    | {"score": "segmentation_head.0"}
)
DEEPLABV3_PLUS_LAYERS: Final = MappingProxyType(
    {
        **{f"aspp.{ours}": f"decoder.aspp.0.{theirs}" for ours, theirs in ASPP_LAYERS.items()},
        **{
            f"aspp.branches.{branch}.conv.{kind}": f"decoder.aspp.0.convs.{branch}.0.{index}"
            for branch in (1, 2, 3)
            for index, kind in enumerate(("depthwise", "pointwise"))
        },
        "layer.conv.depthwise": "decoder.aspp.1.0",
        "layer.conv.pointwise": "decoder.aspp.1.1",
        "layer.norm": "decoder.aspp.2",
        "reduce.conv": "decoder.block1.0",
        "reduce.norm": "decoder.block1.1",
        "refine.conv.depthwise": "decoder.block2.0.0",
        "refine.conv.pointwise": "decoder.block2.0.1",
        "refine.norm": "decoder.block2.1",
        "score": "segmentation_head.0",
    }
)


def is_head(name: str) -> bool:
    """Whether a tensor of the file belongs to decoder or scores."""
    return name.startswith(("decoder.", "segmentation_head."))


def _recognise(mark: str, tensors: Tensors) -> bool:
    return {"encoder.layer4.0.conv1.weight", f"decoder.{mark}.weight", SCORE} <= tensors.keys()


def imported(name: str, array: Tensor) -> Tensor:
    """Scores of one class as those of two."""
    of_scores = name.startswith(f"{MAIN}score.") and array.shape[0] == 1
    return torch.cat((torch.zeros_like(array), array)) if of_scores else array


def _dense(settings: Mapping[str, Any], output_stride: int, tensors: Tensors) -> DenseHead:
    """Images as large as torchvision's networks take them, of which the file says nothing."""
    return DenseHead("segment", settings, max(2, tensors[SCORE].shape[0]), padded(520), output_stride)


def _layout(layers: Mapping[str, str], mark: str, settings: Mapping[str, Any], output_stride: int) -> Layout:
    return Layout(
        "smp",
        torchvision.MODULES,
        partial(_recognise, mark),
        with_body(torchvision.LAYOUT, below("encoder."), lambda tensor: of_layers(tensor, MAIN, layers, "")),
        imported=imported,
        is_head=is_head,
        built={"spread_strided": True} if output_stride < 32 else {},
        dense=partial(_dense, settings, output_stride),
    )


UNET: Final = _layout(UNET_LAYERS, "blocks.0.conv1.0", {"head": "unet"}, 32)
DEEPLABV3_PLUS: Final = _layout(
    DEEPLABV3_PLUS_LAYERS, "aspp.0.convs.1.0.0", {"head": "deeplabv3+", "rates": [12, 24, 36]}, 16
)
"""As it is built by itself: output stride and rates may be others there, which no file tells."""
