"""models: which architectures there are, and which published weights each of them has. Needs no torch."""

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from plusx.backbones.catalogue import TOP_1, architecture, architectures, card, cards
from plusx.core.card import Card
from plusx.core.errors import InputError, unknown
from plusx.workflows.models_table import natural, sections
from plusx.workflows.settings import ModelsSettings
from plusx.workflows.values import read_settings

Order = Literal["name", "parameters", "multiply-adds", "top-1"]
"""What a list is sorted by: the cheapest first, the best first."""


@dataclass(frozen=True)
class ModelRow:
    """One architecture. `parameters` and `multiply_adds`: of the whole network on one image of `size` × `size` pixels.

    `best_top_1`: the best published ImageNet top-1, in percent, among those `weights` that may be used freely; None
    where there is none.
    """

    architecture: str
    parameters: int
    multiply_adds: int
    size: int
    summary: str
    weights: tuple[str, ...]
    best_top_1: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


_SIGNS: Final = str.maketrans("", "", "*?[]")
"""Takes the signs of a shell pattern away."""

_ROWS: Final[Mapping[str, Callable[[ModelRow], Any]]] = MappingProxyType(
    {
        "name": lambda row: natural(row.architecture),
        "parameters": lambda row: row.parameters,
        "multiply-adds": lambda row: row.multiply_adds,
        "top-1": lambda row: -(row.best_top_1 or 0.0),
    }
)

_CARDS: Final[Mapping[str, Callable[[Card], Any]]] = MappingProxyType(
    {
        "name": lambda one: (one.architecture, one.vocabulary),
        "parameters": lambda one: architecture(one.architecture).parameters,
        "multiply-adds": lambda one: architecture(one.architecture).multiply_adds,
        "top-1": lambda one: (TOP_1 not in one.metrics, one.vocabulary),  # scores on other classes are others
    }
)


def models(pattern: str = "*", *, sort: Order = "name") -> list[ModelRow]:
    """The architectures that match a shell pattern such as `resnet*`.

    sort: "name", or the cheapest first by "parameters" or "multiply-adds", or the best `best_top_1` first by "top-1".
    InputError when none matches; for a plain name it says which three come nearest.
    """
    if sort not in _ROWS:
        raise unknown("order", sort, _ROWS)
    names = architectures(pattern)
    if not names:
        if _is_pattern(pattern):
            alike = _alike(pattern, architectures())
            raise InputError(f"No architecture matches {pattern!r}.{alike} `plusx models` lists all of them.")
        raise unknown("model", pattern, architectures())
    by_architecture: dict[str, list[Card]] = {}
    for name in cards():
        by_architecture.setdefault(card(name).architecture, []).append(card(name))
    rows = [_row(name, by_architecture.get(name, [])) for name in names]
    return sorted(sorted(rows, key=_ROWS["name"]), key=_ROWS[sort])


def published(pattern: str, *, sort: Order = "name") -> list[Card]:
    """The cards of one architecture, best first; or those with names like `resnet50.a1_in1k`, `resnet50.*`, `*keras*`.

    sort: as of `models`; of equals the best first.
    Those of an architecture are all that build it and all that bear its name: resnet50.keras_in1k builds resnet50_v1.
    """
    if "." in pattern or _is_pattern(pattern):
        found = [card(name) for name in cards(pattern)]
        if not found and _is_pattern(pattern):
            alike = _alike(pattern, cards())
            raise InputError(f"No weights match {pattern!r}.{alike} `plusx models ARCHITECTURE` lists what there is.")
        found = found or [card(pattern)]
    else:
        wanted = architecture(pattern).name
        found = [one for one in map(card, cards()) if wanted in (one.architecture, one.name.partition(".")[0])]
    return sorted(sorted(found, key=lambda one: (-_top_1(one), one.name)), key=_CARDS[sort])


def listing(pattern: str = "*", **settings: Any) -> Iterator[str]:
    """Lines to print: a row an architecture; for the name of one, or for names with a dot or those that only weights
    have, a row a set of weights."""
    options = read_settings(ModelsSettings, settings)
    if options.table:
        yield from _counted_table(pattern, options)
        return
    of_weights = "." in pattern or pattern in architectures() or (not architectures(pattern) and bool(cards(pattern)))
    if options.json:
        things: Sequence[ModelRow | Card] = (published if of_weights else models)(pattern, sort=options.sort)
        yield from (json.dumps(thing.to_json(), ensure_ascii=False) for thing in things)
    elif of_weights:
        yield from _weights_table(pattern, options.sort)
    else:
        yield from _models_table(models(pattern, sort=options.sort))


def facts_of(one: Card) -> dict[str, str]:
    """A card in words, in the order in which it is shown."""
    given = one.input
    scale = {"crop": f"short side to {given.resize}, centre cut out", "squash": "stretched", "pad": "padded"}
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (given.mean, given.std))
    facts = {
        "architecture": one.architecture + "".join(f", {key}={value}" for key, value in one.build.items()),
        "input": f"{_size(one)} {given.order}, {scale[given.fit]}, {given.interpolation}, mean {mean}, std {std}",
        "trained on": one.vocabulary,
        "published" if one.vocabulary else "measured": ", ".join(f"{k} {v:g}" for k, v in one.metrics.items()),
        "licence": one.licence and f"{one.licence} ({'free for' if one.permissive else 'no'} commercial use)",
        "sha256": one.source.sha256,
    }
    return {key: value for key, value in facts.items() if value}


def abbreviated(number: float) -> str:
    """25557032 → `25.6M`."""
    for unit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.{0 if number >= 100 * unit else 1}f}{suffix}"
    return f"{number:.0f}"


def aligned(rows: Sequence[Sequence[str]], left: Sequence[int]) -> Iterator[str]:
    """Rows as lines with columns of equal width; the columns in `left` begin, all others end at the same place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _row(name: str, found: Sequence[Card]) -> ModelRow:
    facts = architecture(name)
    scores = [one.metrics[TOP_1] for one in found if TOP_1 in one.metrics and one.permissive]
    return ModelRow(
        architecture=name,
        parameters=facts.parameters,
        multiply_adds=facts.multiply_adds,
        size=facts.size,
        summary=facts.summary,
        weights=tuple(one.name for one in found),
        best_top_1=max(scores, default=None),
    )


def _counted_table(pattern: str, options: ModelsSettings) -> Iterator[str]:
    if options.json:
        raise InputError("`table` and `json` do not go together: choose one")
    if options.sort != "name":
        raise InputError("`table` is in the order of the papers and does not go together with `sort`: choose one")
    names = [row.architecture for row in models(pattern)]
    from plusx.workflows.counting import counted  # torch: seconds

    yield from sections(names, counted)


def _models_table(rows: Sequence[ModelRow]) -> Iterator[str]:
    table = [("architecture", "parameters", "multiply-adds", "weights", "best top-1", "")]
    for row in rows:
        counts = (abbreviated(row.parameters), abbreviated(row.multiply_adds), str(len(row.weights)))
        table.append((row.architecture, *counts, _percent(row.best_top_1), row.summary))
    yield from aligned(table, left=(0, 5))
    yield ""
    yield "Weights of one architecture: plusx models NAME. Top-1: published, ImageNet-1k, in percent, free to use."


def _weights_table(pattern: str, sort: Order) -> Iterator[str]:
    found = published(pattern, sort=sort)
    if pattern in architectures():
        (row,) = models(pattern)
        yield f"{row.architecture}: {row.summary}"
        counts = f"{abbreviated(row.parameters)} parameters, {abbreviated(row.multiply_adds)} multiply-adds"
        yield f"{counts} on one image of {row.size}×{row.size} pixels"
    if not found:
        yield "No published weights; train it from scratch."
        return
    yield ""
    table = [("weights", "top-1", "input", "licence", "commercial use", "source")]
    table += [(one.name, _percent(_top_1(one) or None), _size(one), *_terms(one)) for one in found]
    yield from aligned(table, left=(0, 3, 4, 5))
    yield ""
    for one in found:
        if pattern in architectures() and one.architecture != pattern:
            yield f"{one.name} builds {one.architecture}."
    free = next((one for one in found if one.permissive), found[0])
    yield f"Train from one of them: plusx fit DATA --model {free.name}"


def _top_1(one: Card) -> float:
    """Published, in percent, on the classes the weights were made for; 0 where nothing is published."""
    return one.metrics.get(f"{one.vocabulary} top-1", 0.0)


def _terms(one: Card) -> tuple[str, str, str]:
    place = f"https://huggingface.co/{one.source.repository}" if one.source.repository else one.source.url
    return one.licence, "yes" if one.permissive else "no", place


def _size(one: Card) -> str:
    height, width = one.input.size
    return f"{height}×{width}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _is_pattern(text: str) -> bool:
    return text.translate(_SIGNS) != text


def _alike(pattern: str, known: Sequence[str]) -> str:
    """Names that look like what a pattern says, as a question; empty where none does."""
    found = difflib.get_close_matches(pattern.translate(_SIGNS).lower(), known)
    return f" Did you mean {', '.join(found)}?" if found else ""
