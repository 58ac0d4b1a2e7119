"""What a user means by a name and `weights`: an architecture with its settings, a card, a file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from plusx.backbones.catalogue import Architecture, architecture, architectures, best_card, card, cards
from plusx.core.card import Card, Input, Source
from plusx.core.errors import InputError, WeightsError, nearest
from plusx.weights.download import fetch
from plusx.weights.fitting import either, fitting
from plusx.weights.local import Loaded, keras_card, load, readings, readings_as, told
from plusx.weights.sources.layout import Layout
from plusx.weights.vocabularies import VOCABULARY_SIZES

Weights = str | Path | None
_SUFFIXES: Final = frozenset(
    {".safetensors", ".pt", ".pth", ".th", ".bin", ".ckpt", ".tar", ".h5", ".hdf5", ".keras"}
)  # of what is meant as a file even where there is none


@dataclass(frozen=True)
class Resolved:
    """`settings`: changes to the architecture's own; `card`: None for random weights.

    `doubt`: what is to be said to who builds it, where the file may hold another build of the network; else empty.
    """

    architecture: str
    settings: Mapping[str, Any]
    card: Card | None
    loaded: Loaded | None
    doubt: str = ""


def resolve(name: str, weights: Weights = None) -> Resolved:
    """Reads, and where it has to downloads, the file. Raises `InputError` for what there is not."""
    published = published_card(name, weights)
    if published is not None:
        loaded = load(fetch(published))
        _check_family(loaded, published.architecture)
        return Resolved(published.architecture, published.build, published, loaded)
    if weights is None:
        return Resolved(architecture(name).name, {}, None, None)
    return _local(name, load(Path(weights).expanduser()))


def published_card(name: str, weights: Weights = None) -> Card | None:
    """The card of the catalogue that is meant; None for no weights and for local files."""
    if not isinstance(weights, str | Path | None):
        raise InputError(f"weights is {weights!r}; expected the name of a card, a tag, 'imagenet', or a file's path")
    if "://" in str(weights):
        raise InputError(f"weights is the address {weights}; download the file and give its path")
    tagged = card(name) if "." in name else None
    prefix = architecture(name).name if tagged is None else name.split(".")[0]
    if weights is None or (tagged is not None and weights == "imagenet"):
        return tagged
    if weights == "imagenet":
        return best_card(prefix)
    own = {full: card(full) for full in cards() if full.split(".")[0] == prefix or card(full).architecture == prefix}
    for full, candidate in own.items():
        if weights in (full, full.partition(".")[2]):
            return candidate
    if weights in cards():
        raise InputError(f"The weights {weights} are not for {prefix}. Name {weights} as the model instead.")
    if not _is_path(weights):
        known = ", ".join(nearest(str(weights), own)) or "no published weights"
        raise InputError(f"Unknown weights {str(weights)!r} for {prefix}: neither a file nor a card. Known: {known}.")
    return None


def file_of(name: str, weights: Weights) -> Path | None:
    """The local file that is meant; None for published weights and for none."""
    if weights is None or published_card(name, weights) is not None:
        return None
    return Path(weights).expanduser()


def _check_family(loaded: Loaded, name: str) -> None:
    """InputError for a file that holds another family's network."""
    known, path = loaded.layout.modules, loaded.checkpoint.path
    if known and (module := architecture(name).module) not in known:
        holds, found = " or ".join(sorted(known)), fitting(loaded)
        made_with = f"the architecture that the file was made with, e.g. {_examples(loaded.layout)}"
        named = either(found) if found else made_with
        raise InputError(
            f"{path} holds a network of {holds}, named as {loaded.layout.name} does; {name} is one of {module}. Name "
            f"{named}"
        )


def _check_origin(loaded: Loaded, published: Card) -> None:
    """InputError for a file that another library named: it was built with other paddings, epsilons or strides."""
    wanted = published.source.layout
    known = readings(loaded, wanted)
    if any(one.name == "keras" or _same_build(one, loaded, published) for one in known):
        return
    if known:
        raise InputError(
            f"{loaded.checkpoint.path} is named as {wanted} names another network than {published.name}: one with "
            "other strides, paddings or epsilons. Name the card that the file belongs to, or the architecture alone"
        )
    raise InputError(
        f"{loaded.checkpoint.path} is named as {loaded.layout.name} does; {published.name} was published by "
        f"{wanted}, whose network is built otherwise. Name the architecture alone, {published.architecture}, "
        "or a card of that library"
    )


def _examples(layout: Layout) -> str:
    """Three networks of the layout's families, first those of which the library publishes weights."""
    published = {one.architecture for one in map(card, cards()) if one.source.layout == layout.name}
    names = [name for name in architectures() if architecture(name).module in layout.modules]
    return ", ".join(sorted(names, key=lambda name: name not in published)[:3])


def _is_path(weights: str | Path) -> bool:
    path = Path(weights).expanduser()
    return isinstance(weights, Path) or path.exists() or len(path.parts) > 1 or path.suffix.lower() in _SUFFIXES


def _local(name: str, loaded: Loaded) -> Resolved:
    """A local file, under the name of an architecture or of a card that it was published with."""
    header, path = loaded.checkpoint.header, loaded.checkpoint.path
    if header is not None:
        if name not in (header.card.architecture, header.card.name):
            held = header.card.architecture
            raise InputError(f"{path} holds {held}, not {name}. Ask for {held} (in the shell: --model {held}).")
        return Resolved(header.card.architecture, header.card.build, header.card, loaded)
    if name in cards():
        _check_family(loaded, card(name).architecture)
        _check_origin(loaded, card(name))
        return Resolved(card(name).architecture, card(name).build, _of_file(card(name), loaded), loaded)
    wanted = architecture(name)
    _check_family(loaded, name)
    if loaded.layout.name == "keras":
        made = keras_card(wanted)
        if made is None:
            raise WeightsError(f"{path} was written by Keras, which has no {name}. Name the network it was made with.")
        return Resolved(made.architecture, made.build, _of_file(made, loaded), loaded)
    alike, source = readings_as(loaded, wanted), Source(loaded.layout.name, filename=path.name)
    settings = told(loaded, wanted, [*alike, loaded.layout][0])
    head = loaded.layout.dense(loaded.checkpoint.tensors)
    fed = _input_of(wanted, source) if head is None else head.input
    made = Card(path.name, name, settings, fed, source=source)
    return Resolved(name, settings, made, loaded, _doubt(path, wanted, alike))


def usual_input(size: int) -> Input:
    """What images are made into where nothing is known: 224 pixels out of 256 as for ImageNet, or small ones whole."""
    return Input() if size == Input().size[0] else Input(size=(size, size), resize=size)


def _input_of(wanted: Architecture, source: Source) -> Input:
    """What that library's published weights of the network take, as far as they agree; the usual one for the rest."""
    same = {
        one.input for one in map(card, cards()) if (one.architecture, one.source.layout) == (wanted.name, source.layout)
    }
    usual = usual_input(wanted.size)
    if len(same) == 1:
        return same.pop()
    if len({(one.mean, one.std, one.order) for one in same}) == 1:
        one = same.pop()
        return replace(usual, mean=one.mean, std=one.std, order=one.order)
    return usual


def _of_file(made: Card, loaded: Loaded) -> Card:
    """The card of a local file that is built and fed like a published one, but may have been trained further."""
    file = loaded.checkpoint.path.name
    vocabulary = made.vocabulary if loaded.head == VOCABULARY_SIZES.get(made.vocabulary) else ""
    source = Source(loaded.layout.name, filename=file)
    return Card(file, made.architecture, made.build, made.input, vocabulary=vocabulary, source=source)


def _same_build(layout: Layout, loaded: Loaded, published: Card) -> bool:
    """Whether a file in `layout` holds the network that the card describes, as far as files and layouts tell."""
    network = architecture(published.architecture)
    known = told(loaded, network, layout)
    default = network.settings
    return all(
        published.build.get(key, default[key]) == known.get(key, default[key]) for key in {*known, *published.build}
    )


def _doubt(path: Path, wanted: Architecture, alike: list[Layout]) -> str:
    """That the names of the file's tensors fit networks that are built differently; empty where they do not."""
    if len({str(dict(one.built)) for one in alike}) <= 1:
        return ""
    names = [one.counterparts[wanted.name] for one in alike]
    return (
        f"{path} may hold {' or '.join(names)}: their tensors have the same names, their paddings and epsilons differ. "
        f"It is read as {names[0]}; for another one name its card (plusx models '{wanted.name}.*')"
    )
