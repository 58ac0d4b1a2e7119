"""plusx's own names: a task's (`backbone.conv1.conv.weight`, `head.fc.weight`)."""

from plusx.weights.sources.layout import Layout, Tensors
from plusx.weights.sources.place import Place


def names(place: Place) -> tuple[str, ...]:
    """The name itself."""
    match place.role:
        case "head":
            owner = "head.fc"
        case "stem":
            owner = f"backbone.conv1.{place.kind}"
        case "final":
            owner = f"backbone.conv{place.stage}.final.{place.kind}"
        case "F":
            owner = f"backbone.conv{place.stage}.block{place.block}.F.layer{place.layer}.{place.kind}"
        case _:
            owner = f"backbone.conv{place.stage}.block{place.block}.{place.role}.{place.kind}"
    return (f"{owner}.{place.variable}",)


def recognise(tensors: Tensors) -> bool:
    """A task's first convolution."""
    return "backbone.conv1.conv.weight" in tensors


LAYOUT = Layout("plusx", recognise, names)
