"""Runs that are repeats of each other, and what one group of them has above another. Needs no torch."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plusx.workflows.run_record import Record
from plusx.workflows.significance import Difference, paired, welch


@dataclass(frozen=True)
class Group:
    """Runs with equal settings, but for the neutral ones, on the same data. `name`: A, B, ..., Z, 27, ..."""

    name: str
    runs: tuple[Record, ...]

    def by_seed(self, metric: str) -> dict[int, float]:
        """One value a seed: repeats of a seed are no draws of their own, so they count as their mean."""
        values: dict[int, list[float]] = {}
        for run in self.runs:
            if (value := run.score(metric)) is not None:
                values.setdefault(run.seed, []).append(value)
        return {seed: statistics.fmean(some) for seed, some in values.items()}

    def mean(self, metric: str) -> float | None:
        values = self.by_seed(metric)
        return statistics.fmean(values.values()) if values else None

    def spread(self, metric: str) -> float | None:
        """Standard deviation over seeds; None of fewer than two."""
        values = self.by_seed(metric)
        return statistics.stdev(values.values()) if len(values) > 1 else None


@dataclass(frozen=True)
class Verdict:
    """`second` against `first`. `difference`: of their means; None where one was not scored. The tests are None where
    seeds do not suffice. `words`: what may be said.
    """

    first: str
    second: str
    difference: float | None
    welch: Difference | None
    paired: Difference | None
    words: str

    def to_json(self) -> dict[str, Any]:
        tests = {name: None if one is None else one.to_json() for name, one in self.tests.items()}
        return {"first": self.first, "second": self.second, "difference": self.difference, **tests, "words": self.words}

    @property
    def tests(self) -> Mapping[str, Difference | None]:
        return {"welch": self.welch, "paired": self.paired}


def grouped(records: Sequence[Record]) -> tuple[Group, ...]:
    """In the order in which the first of each was named."""
    found: dict[str, list[Record]] = {}
    for one in records:
        alike = repr((one.images, sorted(one.asked.items()), sorted(one.resolved.items())))
        found.setdefault(alike, []).append(one)
    return tuple(Group(_name(index), tuple(runs)) for index, runs in enumerate(found.values()))


def _name(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def verdict(first: Group, second: Group, metric: str, higher_is_better: bool) -> Verdict:
    """The paired test decides where both have the same seeds, Welch's elsewhere."""
    one, other = first.by_seed(metric), second.by_seed(metric)
    if not one or not other:
        none = f"{first.name if not one else second.name} has no {metric}: nothing to compare."
        return Verdict(first.name, second.name, None, None, None, none)
    means = statistics.fmean(one.values()), statistics.fmean(other.values())
    tests = welch(one, other), paired(one, other)
    few = [group.name for group, values in ((first, one), (second, other)) if len(values) < 2]
    words = _too_few(few) if few else _words(tests, one.keys() == other.keys(), means, higher_is_better)
    return Verdict(first.name, second.name, means[1] - means[0], *(tests if not few else (None, None)), words)


def _too_few(names: Sequence[str]) -> str:
    have = f"{names[0]} has" if len(names) == 1 else f"{' and '.join(names)} each have"
    return f"Nothing can be said of significance: {have} one seed."


def _words(
    tests: tuple[Difference | None, Difference | None], same_seeds: bool, means: tuple[float, float], higher: bool
) -> str:
    decides = tests[1] if same_seeds else tests[0]
    if decides is None:
        if same_seeds and tests[0] is not None:
            return "The difference is the same for every seed: a paired test has no spread to go by."
        return "The seeds do not differ at all: there is no spread to test against."
    if not decides.significant:
        return "Seeds alone could explain this difference (p ≥ 0.05)."
    better = (means[1] > means[0]) == higher
    return f"More than seeds: p < 0.05, and the second is {'better' if better else 'worse'}."
