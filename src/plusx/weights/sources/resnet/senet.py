"""timm's names of SE-ResNet and SE-ResNeXt: those of timm/models/resnet.py and, for the paper's own weights, of
timm/models/senet.py.

The former has torchvision's names and `se.fc1`, `se.fc2` in each block. The latter ("legacy"): layer0.conv1,
layer0.bn1; `se_module.fc1`, `se_module.fc2`; last_linear. Its networks are Caffe's: the max pool rounds up without
padding, and SE-ResNet, not SE-ResNeXt, has its stride on the first 1×1.
"""

from types import MappingProxyType
from typing import Final

from plusx.weights.sources.layout import Layout, Tensors, one_by_one
from plusx.weights.sources.resnet import torchvision
from plusx.weights.sources.resnet.place import Place, by_place

MODULES: Final = frozenset({"senet"})
LAYERS: Final = MappingProxyType({"reduce": "fc1", "expand": "fc2"})

_DEPTHS: Final = (50, 101, 152)
_PATHS: Final = ("50_32x4d", "101_32x4d", "101_32x8d", "101_64x4d")
COUNTERPARTS: Final = MappingProxyType(
    {f"se_resnet{depth}": f"seresnet{depth}" for depth in _DEPTHS}
    | {f"se_resnext{paths}": f"seresnext{paths}" for paths in _PATHS}
)
LEGACY_RESNETS: Final = MappingProxyType({f"se_resnet{depth}": f"legacy_seresnet{depth}" for depth in _DEPTHS})
LEGACY_RESNEXTS: Final = MappingProxyType({f"se_resnext{paths}": f"legacy_seresnext{paths}" for paths in _PATHS[:2]})


def names(place: Place) -> tuple[str, ...]:
    """The name in timm/models/resnet.py."""
    if place.role == "se":
        return (f"layer{place.stage - 1}.{place.block - 1}.se.{LAYERS[place.kind]}.{place.variable}",)
    return torchvision.names(place)


def legacy_names(place: Place) -> tuple[str, ...]:
    """The name in timm/models/senet.py."""
    if place.role == "se":
        return (f"layer{place.stage - 1}.{place.block - 1}.se_module.{LAYERS[place.kind]}.{place.variable}",)
    before = "layer0." if place.role == "stem" else ""
    return tuple(before + name for name in torchvision.names(place, head="last_linear"))


def recognise(tensors: Tensors) -> bool:
    """Squeeze-and-excitation behind a convolution of 7×7."""
    return "layer1.0.se.fc1.weight" in tensors and "conv1.weight" in tensors


def recognise_legacy_resnet(tensors: Tensors) -> bool:
    """The same under the older names, without groups."""
    return "layer1.0.se_module.fc1.weight" in tensors and not _grouped(tensors)


def recognise_legacy_resnext(tensors: Tensors) -> bool:
    """The same under the older names, in groups."""
    return "layer1.0.se_module.fc1.weight" in tensors and _grouped(tensors)


def _grouped(tensors: Tensors) -> bool:
    middle = tensors.get("layer1.0.conv2.weight")
    return middle is not None and middle.shape[0] != middle.shape[1]


LAYOUT = Layout("timm", MODULES, recognise, one_by_one(by_place(names)), counterparts=COUNTERPARTS)
LEGACY_RESNET = Layout(
    "timm",
    MODULES,
    recognise_legacy_resnet,
    one_by_one(by_place(legacy_names)),
    counterparts=LEGACY_RESNETS,
    built=MappingProxyType({"stride_on": "1x1", "pool_padding": "end"}),
)
LEGACY_RESNEXT = Layout(
    "timm",
    MODULES,
    recognise_legacy_resnext,
    one_by_one(by_place(legacy_names)),
    counterparts=LEGACY_RESNEXTS,
    built=MappingProxyType({"pool_padding": "end"}),
)
