"""Defects planted into clean data sets, and what the audit finds of them: for `benchmarks/audit.py`.

To add a kind of defect: write a function that plants it into a `Ground` and says which images it is about, and name it
in a `Field` with the codes of the findings that should tell.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from plusx.core.finding import Finding
from plusx.workflows.check import check

PLANTED = 50
"""Defects of each kind in each field."""

Group: TypeAlias = frozenset[str]
"""Names of the images of one defect, as findings name them; one finding has to name them all."""


@dataclass
class Ground:
    """A clean data set in a folder of its own. `data`, `settings`: what `plusx check` is given.

    `fresh`: image files that have no defect yet, in random order.
    """

    root: Path
    data: Path
    rng: np.random.Generator
    fresh: list[Path]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def draw(self, wanted: Callable[[Path], bool] = lambda path: True) -> Iterator[Path]:
        """PLANTED fresh files, which are fresh no longer."""
        drawn = [path for path in self.fresh if wanted(path)][:PLANTED]
        assert len(drawn) == PLANTED, f"only {len(drawn)} fresh images are left in {self.root}"
        self.fresh = [path for path in self.fresh if path not in set(drawn)]
        yield from drawn

    def group(self, *paths: Path) -> Group:
        """These files by their names below the root."""
        return frozenset(path.relative_to(self.root).as_posix() for path in paths)


@dataclass(frozen=True)
class Kind:
    """`codes`: of findings that tell it. `also`: of findings that are right about it too, and not asked for."""

    name: str
    codes: tuple[str, ...]
    plant: Callable[[Ground], Sequence[Group]]
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field:
    """`lay`: makes the clean data set in a folder."""

    name: str
    lay: Callable[[Path, np.random.Generator], Ground]
    kinds: Sequence[Kind]


@dataclass(frozen=True)
class Score:
    """Of one kind in one field. `named`: images that findings with the kind's codes name, `right`: those planted."""

    planted: int
    found: int
    named: int
    right: int
    clean: int


def measure(where: Field, folder: Path, seed: int) -> dict[Kind, Score]:
    """All kinds of the field planted together, audited once."""
    ground = where.lay(folder, np.random.default_rng(seed))
    planted = {kind: kind.plant(ground) for kind in where.kinds}
    findings = check(ground.data, **ground.settings).audit.findings
    return {kind: _score(kind, planted, findings, len(ground.fresh)) for kind in where.kinds}


def _score(kind: Kind, planted: Mapping[Kind, Sequence[Group]], findings: Sequence[Finding], clean: int) -> Score:
    telling = [frozenset(finding.names) for finding in findings if finding.code in kind.codes]
    found = sum(any(group <= names for names in telling) for group in planted[kind])
    alike = [other for other in planted if set(kind.codes) & {*other.codes, *other.also}]
    right = frozenset().union(*(group for other in alike for group in planted[other]))
    named = frozenset().union(*telling)
    return Score(len(planted[kind]), found, len(named), len(named & right), clean)


def table(scores: Mapping[str, Mapping[Kind, Score]]) -> str:
    """Markdown, a row a kind: recall and precision in each field, by name."""
    fields = list(scores)
    kinds = list(dict.fromkeys(kind for found in scores.values() for kind in found))
    titles = "".join(f" {name}: recall | precision |" for name in fields)
    lines = [f"| defect | told by |{titles}", "|---|---|" + "---|---|" * len(fields)]
    for kind in kinds:
        cells = "".join(_cells(scores[name].get(kind)) for name in fields)
        lines.append(f"| {kind.name} | {', '.join(kind.codes)} |{cells}")
    return "\n".join(lines)


def _cells(score: Score | None) -> str:
    if score is None:
        return " | |"
    precision = f"{score.right / score.named:.3f} ({score.right}/{score.named})" if score.named else "-"
    return f" {score.found / score.planted:.2f} ({score.found}/{score.planted}) | {precision} |"
