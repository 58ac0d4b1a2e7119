"""torchvision's names of ResNet, ResNeXt and Wide ResNet (torchvision/models/resnet.py); timm's ResNet has the same.

conv1, bn1; layer1..layer4, blocks from 0, with conv1, bn1, conv2, ...; downsample.0 and .1; fc.
"""

from plusx.weights.sources.layout import Layout, Tensors
from plusx.weights.sources.place import Place


def names(place: Place, *, shortcut: str = "downsample", head: str = "fc") -> tuple[str, ...]:
    """The name there; the pre-activated network has none."""
    block = f"layer{place.stage - 1}.{place.block - 1}"
    match place.role:
        case "stem":
            owner = {"conv": "conv1", "norm": "bn1"}[place.kind]
        case "F":
            owner = f"{block}.{'conv' if place.kind == 'conv' else 'bn'}{place.layer}"
        case "shortcut":
            owner = f"{block}.{shortcut}.{0 if place.kind == 'conv' else 1}"
        case "head":
            owner = head
        case _:
            return ()
    return (f"{owner}.{place.variable}",)


def recognise(tensors: Tensors) -> bool:
    """Four stages behind a convolution of 7×7."""
    return "layer4.0.conv1.weight" in tensors and "conv1.weight" in tensors


LAYOUT = Layout("torchvision", recognise, names)
