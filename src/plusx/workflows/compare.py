"""compare: several runs beside each other, and whether they differ by more than their seeds do. Needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plusx.core.errors import InputError, unknown
from plusx.report.comparing import write_comparing
from plusx.workflows.compare_settings import CompareSettings
from plusx.workflows.compare_text import lines_of, page_of, to_json
from plusx.workflows.groups import Group, Verdict, grouped, verdict
from plusx.workflows.options import settings_from
from plusx.workflows.run_record import Record, read_record
from plusx.workflows.scoring import LOWER
from plusx.workflows.signature import takes


@dataclass(frozen=True)
class Comparison:
    """`warnings`: what to know before any figure. `asked`, `resolved`: settings that differ, and what they came to,
    each name → a value a group, in order. `verdicts`: every group but the first against the first.
    """

    metric: str
    higher_is_better: bool
    groups: tuple[Group, ...]
    warnings: tuple[str, ...]
    asked: Mapping[str, tuple[Any, ...]]
    resolved: Mapping[str, tuple[Any, ...]]
    verdicts: tuple[Verdict, ...]
    report: Path | None = None

    @property
    def runs(self) -> tuple[Record, ...]:
        return tuple(run for group in self.groups for run in group.runs)

    def lines(self) -> list[str]:
        """What to print."""
        return [*lines_of(self), *([] if self.report is None else [f"Report: {self.report}"])]

    def to_json(self) -> dict[str, Any]:
        """JSON values of everything."""
        return to_json(self)


@takes(CompareSettings)
def compare(*runs: Any, **settings: Any) -> Comparison:
    """Compare `runs` (directories, or a directory that holds some), the first being what the others are held against.

    Runs that only differ by seed or place are one group. InputError for fewer than two runs and for what is none.
    """
    options = settings_from(CompareSettings, settings)
    records = [read_record(path) for path in places([Path(run) for run in runs])]
    metric, higher = chosen(records, options.metric)
    groups = grouped(records)
    made = Comparison(
        metric,
        higher,
        groups,
        tuple(warnings(records)),
        differing(groups, "asked"),
        followed(groups),
        tuple(verdict(groups[0], other, metric, higher) for other in groups[1:]),
        options.report,
    )
    if options.report is not None:
        write_comparing(options.report, page_of(made))
    return made


def places(paths: Sequence[Path]) -> list[Path]:
    """The run directories meant; a directory that is none stands for those in it."""
    found = [one for path in paths for one in _within(path)]
    seen: set[Path] = set()
    for path in found:
        if path.resolve() in seen:
            raise InputError(f"{path} is named twice. Name every run once.")
        seen.add(path.resolve())
    if len(found) < 2:
        what = f"only {found[0]} was given" if found else "none was given"
        raise InputError(f"A comparison needs at least two runs, and {what}: plusx compare RUN RUN ...")
    return found


def _within(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"There is no run {path}. Give directories that `plusx fit` wrote.")
    if path.is_file():
        raise InputError(f"{path} is a file, which has no curves. Give the directory of the run.")
    if (path / "settings.json").is_file():
        return [path]
    runs = sorted(one for one in path.iterdir() if (one / "settings.json").is_file())
    if not runs:
        raise InputError(f"{path} is not a run directory, and none is in it. Give directories that `plusx fit` wrote.")
    return runs


def chosen(records: Sequence[Record], asked: str | None) -> tuple[str, bool]:
    """The metric to compare by, and whether higher is better. InputError where no run has it."""
    metric = asked or records[0].primary
    known = dict.fromkeys(name for one in records for name in names_of(one))
    if asked is not None and asked not in known:
        raise unknown("metric", asked, known)
    return metric, metric.partition("/")[0] not in LOWER


def names_of(record: Record) -> list[str]:
    """Its validation metrics."""
    of_epochs = [name.removeprefix("val/") for one in record.history for name in one if name.startswith("val/")]
    return list(dict.fromkeys([*record.metrics, *of_epochs]))


def warnings(records: Sequence[Record]) -> list[str]:
    """What makes scores incomparable, first; then runs that are not at their end."""
    found = []
    if len({one.task for one in records}) > 1:
        found.append(f"The tasks differ: {_by_value(records, 'task')}. Scores of different tasks are not comparable.")
    if len({one.images for one in records}) > 1:
        found.append("The data differ: not the same images with the same labels. Scores are of different data.")
    elif len({one.validation for one in records}) > 1:
        found.append(_of_validation(records))
    if len({one.computed for one in records}) > 1:
        found.append(
            f"Not all were computed in the same precision: {_by_value(records, 'computed')}. Part of a difference may "
            "be of that; --precision holds it fast."
        )
    for one in records:
        if not one.stopped:
            done = f"{len(one.history)} of {one.epochs or '?'} epochs are done"
            found.append(f"{one.path} is unfinished: {done}; its best epoch so far is shown.")
        elif one.score(one.primary) is None:
            found.append(f"{one.path} has no {one.primary}: it was not scored.")
        elif one.stopped in ("early", "late"):
            found.append(f"{one.path} ended {one.stopped}, after {len(one.history)} of {one.epochs or '?'} epochs.")
    return found


def _of_validation(records: Sequence[Record]) -> str:
    by_seed: dict[int, set[str]] = {}
    for one in records:
        by_seed.setdefault(one.seed, set()).add(one.validation)
    if all(len(found) == 1 for found in by_seed.values()):
        return (
            "Every seed drew its own validation images: part of the spread between seeds is theirs. Runs with the same "
            "seed were judged on the same images; with --split-seed 0 all are."
        )
    return "The validation images differ, also between runs with the same seed: part of a difference may be theirs."


def _by_value(records: Sequence[Record], name: str) -> str:
    return ", ".join(f"{one.path} has {getattr(one, name) or 'none'}" for one in records)


def differing(groups: Sequence[Group], kind: str) -> dict[str, tuple[Any, ...]]:
    """Settings that have not the same value in all groups."""
    tables = [getattr(group.runs[0], kind) for group in groups]
    names = dict.fromkeys(name for table in tables for name in table)
    rows = {name: tuple(table.get(name) for table in tables) for name in names}
    return {name: row for name, row in rows.items() if any(value != row[0] for value in row)}


def followed(groups: Sequence[Group]) -> dict[str, tuple[Any, ...]]:
    """What the settings came to, where that says more than the settings that differ."""
    said = differing(groups, "asked").values()
    return {name: row for name, row in differing(groups, "resolved").items() if row not in said}
