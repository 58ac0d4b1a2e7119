"""The common CIFAR checkpoints: three stages behind a 3×3 convolution.

Two ways of naming go round. One has the head `linear` and the shortcut `shortcut` (akamaster/pytorch_resnet_cifar10,
kuangliu/pytorch-cifar): where there are no weights of shortcuts, they are the parameter-free ones with the new maps
of zeros half before and half after the old ones. The other has `fc` and `downsample`, as torchvision
(chenyaofo/pytorch-cifar-models): projections, option B.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from plusx.weights.sources.layout import Layout, Tensors, one_by_one
from plusx.weights.sources.resnet import torchvision
from plusx.weights.sources.resnet.place import by_place


def _three_stages(tensors: Tensors) -> bool:
    first = tensors.get("conv1.weight")
    return first is not None and first.shape[2:] == (3, 3) and "layer3.0.conv1.weight" in tensors


def recognise_linear(tensors: Tensors) -> bool:
    """Three stages, shortcuts and head named as akamaster's."""
    return _three_stages(tensors) and "linear.weight" in tensors and "layer4.0.conv1.weight" not in tensors


def recognise_fc(tensors: Tensors) -> bool:
    """Three stages, shortcuts and head named as torchvision's."""
    return _three_stages(tensors) and "linear.weight" not in tensors and "layer4.0.conv1.weight" not in tensors


def settings_linear(tensors: Tensors) -> Mapping[str, Any]:
    """Which shortcut."""
    return {"shortcut": "B" if "layer2.0.shortcut.0.weight" in tensors else "A-centred"}


def settings_fc(tensors: Tensors) -> Mapping[str, Any]:
    """A projection, where there is one; else what the architecture has by itself."""
    return {"shortcut": "B"} if "layer2.0.downsample.0.weight" in tensors else {}


_MODULES: Final = frozenset({"cifar"})
_LINEAR: Final = partial(torchvision.names, shortcut="shortcut", head="linear")

LINEAR = Layout("cifar", _MODULES, recognise_linear, one_by_one(by_place(_LINEAR)), settings=settings_linear)
FC = Layout("cifar", _MODULES, recognise_fc, one_by_one(by_place(torchvision.names)), settings=settings_fc)
