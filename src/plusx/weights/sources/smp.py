"""segmentation_models_pytorch's names (decoders/unet, decoders/deeplabv3): encoder, decoder, segmentation_head.

The encoder is a ResNet as torchvision names it, without its classifier. One class there is a sigmoid; here it becomes
two, the first of which always has the logit 0, which is the same.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor

from plusx.weights.sources.layout import DenseHead, Layout, Names, Tensors, padded
from plusx.weights.sources.resnet import torchvision
from plusx.weights.sources.segmentation import MAIN, of_layers

SCORE: Final = "segmentation_head.0.weight"

UNET_LAYERS: Final = MappingProxyType(
    {
        f"up{stride}.layers.layer{layer}.{kind}": f"decoder.blocks.{block}.conv{layer}.{index}"
        for block, stride in enumerate((16, 8, 4, 2, 1))
        for layer in (1, 2)
        for index, kind in enumerate(("conv", "norm"))
    }
    | {"score": "segmentation_head.0"}
)


def names(tensors: Iterable[str], layers: Mapping[str, str] = UNET_LAYERS) -> Names:
    """Of a ResNet and a head of these layers."""
    tensors = list(tensors)
    body = torchvision.LAYOUT.names([tensor for tensor in tensors if tensor.startswith("backbone.")])
    return {
        tensor: tuple(f"encoder.{name}" for name in body[tensor])
        if tensor in body
        else of_layers(tensor, MAIN, layers, "")
        for tensor in tensors
    }


def is_head(name: str) -> bool:
    """Whether a tensor of the file belongs to decoder or scores."""
    return name.startswith(("decoder.", "segmentation_head."))


def recognise(tensors: Tensors) -> bool:
    """A ResNet, and blocks of two convolutions on the way up."""
    return (
        "encoder.layer4.0.conv1.weight" in tensors and "decoder.blocks.0.conv1.0.weight" in tensors and SCORE in tensors
    )


def imported(name: str, array: Tensor) -> Tensor:
    """Scores of one class as those of two."""
    of_scores = name.startswith(f"{MAIN}score.") and array.shape[0] == 1
    return torch.cat((torch.zeros_like(array), array)) if of_scores else array


def dense(tensors: Tensors) -> DenseHead:
    """Masks; images as large as torchvision's networks take them, of which the file says nothing."""
    settings: dict[str, Any] = {"head": "unet"}
    return DenseHead("segment", settings, max(2, tensors[SCORE].shape[0]), padded(520))


UNET: Final = Layout("smp", torchvision.MODULES, recognise, names, imported=imported, is_head=is_head, dense=dense)
