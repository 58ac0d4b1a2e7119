"""Which network of another library is layer for layer one of ours, and what tells the others from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

import torch
from torch import nn

from plusx.backbones.catalogue import Architecture, architecture, card, cards
from plusx.backbones.count import parameters
from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.card import Card
from plusx.core.errors import InputError
from plusx.nn.blur_pool import blurs
from plusx.weights.sources.layout import Layout
from plusx.weights.sources.recognise import LAYOUTS

LayoutName = Literal["torchvision", "timm"]

COUNTERPARTS: Final = MappingProxyType(
    {
        library: MappingProxyType(
            {
                ours: theirs
                for layout in LAYOUTS
                if layout.name == library and not layout.built
                for ours, theirs in layout.counterparts.items()
            }
        )
        for library in get_args(LayoutName)
    }
)
"""Library → architecture here, with its own settings → its name there."""

_CHANNELS: Final[Mapping[str, int]] = MappingProxyType({"torchvision": 3})
"""Libraries whose networks take that many channels and no others."""


@dataclass(frozen=True)
class Counterpart:
    """`architecture`: ours. `layout`: by which its tensors are named there."""

    architecture: str
    layout: Layout

    @property
    def name(self) -> str:
        """The network's name there."""
        return self.layout.counterparts[self.architecture]

    @property
    def settings(self) -> dict[str, Any]:
        """Those that build the library's network here."""
        return {**architecture(self.architecture).settings, **self.layout.built}


def counterpart(backbone: Backbone, library: LayoutName) -> Counterpart | None:
    """The network there that gives the same outputs; None where there is none.

    Layers, strides, epsilons and biases are compared, not names and numbers of tensors: a network with its stride
    elsewhere would load without an error and answer wrongly. The momentum of normalisation may differ: only further
    training goes by it.
    """
    first, wanted = _first(backbone), _in_words(backbone)
    momentum = {"momentum": momentum_of(backbone)}
    for found in _of(library):
        if not found.layout.built and not _as_many_parameters(backbone, first, architecture(found.architecture)):
            continue  # spares the time of building it
        channels = _CHANNELS.get(library, first.in_channels)
        if _printed(found.architecture, {**found.layout.built, **momentum}, channels) == wanted:
            return found
    return None


def momentum_of(backbone: Backbone) -> float | None:
    """That of its normalisation: the newest batch's share in the running statistics; None where it has none of them."""
    return next((part.momentum for part in backbone.modules() if isinstance(part, nn.BatchNorm2d)), None)


def why_not(backbone: Backbone, library: LayoutName, made: Card | None) -> str:
    """The text of an error: what keeps `library` from having this network, and what to do.

    made: how the network was built, where that is known.
    """
    near = None if made is None else _nearest(backbone, library, made)
    others = [other for other in get_args(LayoutName) if other != library and counterpart(backbone, other)]
    way_out = [f"{other} has it: --to {other}." for other in others]
    way_out.append("To use this network as it is, keep the plusx model file, or export it (plusx export).")
    if near is None:
        return " ".join([_unknown(library, made), *way_out])
    found, differing = near
    lines = [f"  {key} is {ours!r} here, {theirs!r} there" for key, (ours, theirs) in differing.items()]
    opening = (
        f"{library}'s {found.name} is built otherwise than this network: it would refuse its weights, or answer "
        "wrongly with them. Nothing was written."
    )
    return "\n".join([opening, *lines, " ".join([*_ways_to_train(found, library, differing), *way_out])])


Differing = dict[str, tuple[Any, Any]]
"""Setting → its value here, its value there."""


def _nearest(backbone: Backbone, library: LayoutName, made: Card) -> tuple[Counterpart, Differing] | None:
    """The library's network that differs in the fewest settings; None where settings do not tell the difference."""
    known = [(found, _differing(backbone, found, made)) for found in _of_family(library, made.architecture)]
    told = [(found, differing) for found, differing in known if differing is not None]
    return min(told, key=lambda pair: len(pair[1]), default=None)


def _differing(backbone: Backbone, found: Counterpart, made: Card) -> Differing | None:
    """None where `found` with the settings of `made` is not this network either."""
    wanted, channels, there = _in_words(backbone), _first(backbone).in_channels, found.settings
    given = {key: _frozen(value) for key, value in {**architecture(made.architecture).settings, **made.build}.items()}
    if _printed(found.architecture, given, channels) != wanted:
        return None
    other = {key: value for key, value in given.items() if key != "momentum" and value != there.get(key, False)}
    differing = {
        key: (value, there.get(key, False))  # blur_pool is none of the library's settings
        for key, value in other.items()
        if _printed(found.architecture, {**given, key: there.get(key, False)}, channels) != wanted
    }
    fixed = _CHANNELS.get(found.layout.name, channels)
    return {"in_channels": (channels, fixed), **differing} if channels != fixed else differing


def _ways_to_train(found: Counterpart, library: LayoutName, differing: Differing) -> list[str]:
    """How to come to a network that the library has, where training can change what differs."""
    ways = ["without small_input (--small-input no)"] if "small_input" in differing else []
    if set(differing) - {"small_input", "in_channels"}:
        theirs = [one for one in map(card, cards()) if one.source.layout == library]
        published = any(one.architecture == found.architecture and _same(found, one.build) for one in theirs)
        starts = [f"{library}'s own weights (plusx models {found.architecture})"] if published else []
        starts += ["random weights"] if _same(found, {}) else []
        ways += [f"from {' or '.join(starts)}"] if starts else []
    return [f"For a file that it loads, train {found.architecture} {', '.join(ways)}."] if ways else []


def _same(found: Counterpart, settings: Mapping[str, Any]) -> bool:
    """Whether these settings here build the library's network."""
    ours = {**architecture(found.architecture).settings, **settings}
    return {**ours, "momentum": None} == {**found.settings, "momentum": None}


def _unknown(library: LayoutName, made: Card | None) -> str:
    """That there is no such network, and which there are."""
    if made is None:
        return (
            f"{library} has no network built like this one; its networks are those with plusx's default settings and "
            "output stride 32."
        )
    family = [found.architecture for found in _of_family(library, made.architecture)]
    known = f"of its family it has {', '.join(dict.fromkeys(family))}" if family else "it has none of its family"
    return f"{library} has no network built like this {made.architecture}; {known}."


def _of(library: LayoutName) -> Iterator[Counterpart]:
    """All networks of the library that are known here."""
    for layout in LAYOUTS:
        if layout.name == library:
            yield from (Counterpart(ours, layout) for ours in layout.counterparts)


def _of_family(library: LayoutName, name: str) -> list[Counterpart]:
    """Those of the paper of `name`; where that itself is among them, no others."""
    module = architecture(name).module
    family = [found for found in _of(library) if architecture(found.architecture).module == module]
    return [found for found in family if found.architecture == name] or family


def _printed(name: str, settings: Mapping[str, Any], in_channels: int) -> str | None:
    """All its layers in words; None where these settings exclude each other."""
    try:
        with torch.device("meta"):
            return _in_words(build(name, in_channels=in_channels, **settings))
    except InputError:
        return None


def _in_words(backbone: Backbone) -> str:
    """All that tells it from others but its weights."""
    return f"{backbone} blurred" if blurs(backbone) else str(backbone)


def _first(backbone: Backbone) -> nn.Conv2d:
    return next(part for part in backbone.modules() if isinstance(part, nn.Conv2d))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _as_many_parameters(backbone: Backbone, first: nn.Conv2d, found: Architecture) -> bool:
    """Whether the backbone has the architecture's, but for another number of input channels."""
    of_one_channel = first.weight[:, 0].numel()
    return parameters(backbone, found.outputs) - (first.in_channels - 3) * of_one_channel == found.parameters
