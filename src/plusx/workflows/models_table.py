"""The table of all models, in Markdown: what each of them costs beside what its paper says, and its best free weights.

Needs no torch: who asks says how costs are found.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Final

from plusx.backbones.catalogue import Architecture, Published, architecture, card, cards
from plusx.core.card import Card

WORTH_A_NOTE: Final = Decimal("0.005")
"""Relative difference from the paper's figure above which the table says why."""

VOCABULARIES: Final = {10: "cifar-10", 1000: "imagenet-1k"}
"""Classes of an architecture's own head → what the table's top-1 was measured on."""


@dataclass(frozen=True)
class Cost:
    """Of the whole network on one image of the architecture's size."""

    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Words:
    """What the table says in one language. `title`: of a paper; `note`: why a figure of its differs."""

    columns: tuple[str, ...]
    parameters: str
    multiply_adds: str
    comma: str
    colon: str
    title: Callable[[str], str] = str
    note: Callable[[Published], str] = attrgetter("note")


ENGLISH: Final = Words(
    ("network", "pixels", "parameters", "paper", "multiply-adds", "paper", "difference", "top-1", "weights", "licence"),
    parameters="parameters",
    multiply_adds="multiply-adds",
    comma=", ",
    colon=": ",
)


def from_catalogue(found: Architecture) -> Cost:
    """The figures beside the cards, which the contract tests count again."""
    return Cost(found.parameters, found.multiply_adds)


def sections(names: Iterable[str], cost: Callable[[Architecture], Cost], words: Words = ENGLISH) -> Iterator[str]:
    """Lines: under the title of each paper, in the order of their years, a row for each of its networks."""
    by_paper: dict[str, list[Architecture]] = {}
    for found in map(architecture, sorted(names, key=natural)):
        by_paper.setdefault(found.paper, []).append(found)
    for number, paper in enumerate(sorted(by_paper, key=arxiv)):
        yield from [""] * bool(number)
        yield f"## {words.title(paper)}"
        yield ""
        yield row(words.columns)
        yield row(("---", *["--:"] * 5, "---", "--:", "---", "---"))
        for found in by_paper[paper]:
            yield row(cells(found, cost(found), words))


def cells(found: Architecture, cost: Cost, words: Words = ENGLISH) -> tuple[str, ...]:
    """One row."""
    paper, best = found.published, best_free(found)
    return (
        f"`{found.name}`",
        str(found.size),
        short(cost.parameters),
        shortened(paper.parameters if paper else ""),
        short(cost.multiply_adds),
        shortened(paper.multiply_adds if paper else ""),
        explanation(found, cost, words),
        percent(best, found) if best else "",
        named(best, found) if best else "",
        best.licence if best else "",
    )


def explanation(found: Architecture, cost: Cost, words: Words = ENGLISH) -> str:
    """How much more or less than the paper the project counts, and why; empty where both say the same."""
    if found.published is None:
        return ""
    printed = (
        (words.parameters, cost.parameters, found.published.parameters),
        (words.multiply_adds, cost.multiply_adds, found.published.multiply_adds),
    )
    differences = [(what, difference(counted, figure)) for what, counted, figure in printed if figure]
    said = [f"{what} {100 * share:+.1f} %" for what, share in differences if share is not None]
    return words.colon.join([words.comma.join(said), words.note(found.published)]) if said else ""


def difference(counted: int, printed: str) -> Decimal | None:
    """Relative to a paper's figure; None up to half a percent, and where rounding to the printed digits explains it."""
    figure = exact(printed)
    exponent = figure.as_tuple().exponent
    assert isinstance(exponent, int)
    rounding, away = Decimal(5).scaleb(exponent - 1), counted - figure
    return None if abs(away) <= max(rounding, WORTH_A_NOTE * figure) else away / figure


def exact(printed: str) -> Decimal:
    """ "25.5e6" and "22,855,952" as numbers that remember their digits."""
    return Decimal(printed.replace(",", ""))


def best_free(found: Architecture) -> Card | None:
    """The card of the highest published top-1, on the architecture's own classes, of those for any use."""
    metric = f"{VOCABULARIES[found.outputs]} top-1"
    free = [one for one in map(card, cards()) if one.architecture == found.name and one.permissive]
    scored = [one for one in free if metric in one.metrics]
    return max(scored, key=lambda one: one.metrics[metric], default=None)


def named(one: Card, found: Architecture) -> str:
    """The card, with the size of its images where that is not the architecture's."""
    height, width = one.input.size
    return f"`{one.name}`" + (f" ({height}×{width})" if (height, width) != (found.size, found.size) else "")


def percent(one: Card, found: Architecture) -> str:
    """Its top-1 in percent."""
    return f"{one.metrics[f'{VOCABULARIES[found.outputs]} top-1']:.2f}"


def short(number: int) -> str:
    """Four digits: 25557032 → `25.56 M`."""
    for unit, suffix in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            value = number / unit
            return f"{value:.{max(0, 4 - len(str(int(value))))}f} {suffix}"
    return str(number)


def shortened(printed: str) -> str:
    """A paper's figure, with its digits: "25.5e6" → `25.5 M`."""
    return printed.replace("e9", " G").replace("e6", " M").replace("e3", " k")


def row(found: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(found)} |"


def natural(name: str) -> list[tuple[int, str]]:
    """Sorts resnet18 before resnet101."""
    return [(int(part or 0), "") if i % 2 else (0, part) for i, part in enumerate(re.split(r"(\d+)", name))]


def arxiv(paper: str) -> str:
    """Its number there, which tells the order in which papers appeared."""
    return paper.rpartition(" ")[2]
