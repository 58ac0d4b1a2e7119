"""A file of weights on the disk, and what it tells about the network that it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from plusx.backbones.catalogue import Architecture, architecture, card, cards
from plusx.core.card import Card
from plusx.core.errors import WeightsError
from plusx.weights.importing import head_size
from plusx.weights.reading import Checkpoint, read_checkpoint
from plusx.weights.sources.layout import Layout, Tensors
from plusx.weights.sources.recognise import LAYOUTS, recognise
from plusx.weights.sources.refused import why_refused


@dataclass(frozen=True)
class Loaded:
    """A file's tensors under the usual names of its layout."""

    checkpoint: Checkpoint
    layout: Layout
    head: int | None  # outputs; None where the file has no head


def load(path: Path) -> Loaded:
    """A file in any layout that plusx knows; raises `WeightsError` for other networks."""
    if path.is_dir():
        raise WeightsError(f"{path} is a directory. Name the file in it, such as {path / 'model.safetensors'}.")
    checkpoint = read_checkpoint(path)
    if (why := why_refused(checkpoint.tensors)) is not None:
        raise WeightsError(f"{path} holds {why}. Nothing of it can be used; take another file.")
    layout = recognise(checkpoint.tensors)
    if layout is None:
        some = ", ".join(list(checkpoint.tensors)[:6])
        raise WeightsError(
            f"{path} holds a network that plusx does not know (its tensors: {some}, ...). Expected a network "
            "that `plusx models` lists, as plusx, torchvision, timm or Keras save it, a common CIFAR checkpoint, or "
            "a U-Net or DeepLabV3+ of segmentation_models_pytorch on a ResNet."
        )
    checkpoint = replace(checkpoint, tensors=layout.ordered(checkpoint.tensors))
    return Loaded(checkpoint, layout, head_size(checkpoint.tensors, layout))


def readings(loaded: Loaded, library: str) -> list[Layout]:
    """All layouts of the library that the file's tensors fit."""
    return [one for one in LAYOUTS if one.name == library and one.recognise(loaded.checkpoint.tensors)]


def readings_as(loaded: Loaded, wanted: Architecture) -> list[Layout]:
    """The layouts by which the file may hold that very architecture; more than one where builds share all names."""
    return [one for one in readings(loaded, loaded.layout.name) if wanted.name in one.counterparts]


def told(loaded: Loaded, wanted: Architecture, layout: Layout) -> dict[str, Any]:
    """Settings that the file and its layout tell; a plain network stays plain."""
    return told_of(loaded.checkpoint.tensors, wanted, layout)


def told_of(tensors: Tensors, wanted: Architecture, layout: Layout) -> dict[str, Any]:
    """As `told`, of a file's tensors."""
    if wanted.settings.get("shortcut") == "none":
        return {}
    known = {**layout.built, **layout.settings(tensors)}
    return {key: value for key, value in known.items() if key in wanted.settings}


def keras_card(wanted: Architecture) -> Card | None:
    """How Keras builds that network and prepares its images, which no file of Keras tells; None where it has none.

    Widths that it builds and has no weights of are built as those of which it has.
    """
    published = [one for one in map(card, cards()) if one.source.layout == "keras"]
    for candidate in published:
        if wanted.name in (candidate.architecture, candidate.name.split(".")[0]):
            return candidate
    for candidate in published:
        if _but_for_width(architecture(candidate.architecture)) == _but_for_width(wanted):
            return replace(candidate, architecture=wanted.name)
    return None


def _but_for_width(network: Architecture) -> tuple[str, Mapping[str, Any]]:
    """The paper's file and the settings."""
    return network.module, {**network.settings, "width": 1.0}


def settings_of(loaded: Loaded, wanted: Architecture) -> Mapping[str, Any] | None:
    """Those by which the file's library would build that architecture; None where it has none that is called so."""
    if loaded.layout.name == "keras":
        made = keras_card(wanted)
        return made.build if made is not None and made.architecture == wanted.name else None
    return told(loaded, wanted, [*readings_as(loaded, wanted), loaded.layout][0])
