"""report.html: one self-contained page about a run, readable without scripts and without a network. Needs no torch."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plusx.core.details import ClassScore
from plusx.core.storage import write_text
from plusx.report import understanding
from plusx.report.charts import Figure, error_histogram, reliability, scatter
from plusx.report.confusion import heat_map, mixups
from plusx.report.curves import curves, only_epoch
from plusx.report.facts import Example, Facts, Mistake
from plusx.report.recall import precision_over_recall
from plusx.report.rendering import rendered
from plusx.report.words import flat, metric_name, metric_value, share

MOST_PICTURES = 24
LARGEST_PICTURE = 300_000  # bytes
MOST_CLASSES = 1000
MOST_FINDINGS = 200
MOST_COLUMNS = 8


def write_report(path: Path, facts: Facts) -> None:
    """Writes the page, whole or not at all. StorageError if it cannot be written."""
    write_text(path, render(facts))


def render(facts: Facts) -> str:
    """The page as HTML. Bounded, whatever the facts: at most 24 pictures, 1,000 classes, 200 findings."""
    return rendered("template.html", facts=facts, share=share, **_parts(facts))


def _parts(facts: Facts) -> dict[str, Any]:
    details = facts.details
    rows = sorted(details.classes, key=lambda row: 2.0 if row.f1 is None else row.f1)[:MOST_CLASSES]
    return {
        "headline": _headline(facts.metrics, facts.primary),
        "headline_name": metric_name(facts.primary),
        "test_headline": _headline(facts.test_metrics, facts.primary),
        "baseline": _baseline(facts),
        "tiles": _tiles(facts.metrics, facts.primary),
        "test_tiles": _tiles(facts.test_metrics, facts.primary),
        "curves": curves(facts),
        "steps": understanding.steps(facts),
        "gap": understanding.gap(facts),
        "loss_gap": understanding.loss_gap(facts),
        "class_charts": understanding.classes(facts),
        "only_epoch": only_epoch(facts),
        "results": _results(facts),
        "matrix": [] if details.confusion is None else [heat_map(details.confusion)],
        "mixups": [] if details.confusion is None else mixups(details.confusion),
        "rows": rows,
        "rankings": list(dict.fromkeys(name for row in rows for name in row.ranking)),
        "pictures": [(mistake, _picture(mistake)) for mistake in facts.mistakes[:MOST_PICTURES]],
        "galleries": _galleries(facts),
        "f1": "Dice" if any("IoU" in row.ranking for row in rows) else "F1",  # of pixels it is called so
        "findings": _sorted_findings(facts.findings or ())[:MOST_FINDINGS],
        "severities": Counter(str(finding.get("severity", "note")) for finding in facts.findings or ()),
        "codes": Counter(str(finding.get("code", "")) for finding in facts.findings or ()),
        "tables": _tables(facts),
    }


def _headline(metrics: Mapping[str, float], primary: str) -> str | None:
    return metric_value(primary, metrics[primary]) if primary in metrics else None


def _tiles(metrics: Mapping[str, float], primary: str) -> list[tuple[str, str]]:
    """Name and value of all metrics but the one in the headline."""
    return [(metric_name(key), metric_value(key, value)) for key, value in metrics.items() if key != primary]


def _tables(facts: Facts) -> list[tuple[str, list[tuple[str, str]]]]:
    """How the run was made: headings and rows."""
    tables = {"Settings that were given": facts.settings, "What they and the recipe came to": facts.plan}
    tables |= {"Model card": facts.card, "Environment": facts.environment}
    return [(title, rows) for title, values in tables.items() if (rows := flat(values))]


def _results(facts: Facts) -> list[Figure]:
    """Predicted against true values, and reliability."""
    details = facts.details
    figures = [precision_over_recall(details.curves, details.classes)] if details.curves else []
    figures += [figure for pairs in details.pairs[:MOST_COLUMNS] for figure in (scatter(pairs), error_histogram(pairs))]
    if details.reliability:
        figures.append(reliability(details.reliability, facts.metrics.get("ece")))
    return figures


def _baseline(facts: Facts) -> tuple[str, str] | None:
    """The most frequent class and its share of the images: what answering it every time would score as accuracy."""
    total = sum(row.support for row in facts.details.classes)
    if facts.primary != "accuracy" or total == 0:
        return None
    largest: ClassScore = max(facts.details.classes, key=lambda row: row.support)
    return largest.name, share(largest.support / total)


def _galleries(facts: Facts) -> list[tuple[str, list[tuple[Example, str | None]]]]:
    """Titles and their pictures; at most 24 in all."""
    found, room = [], MOST_PICTURES
    for gallery in facts.galleries:
        shown = [(example, _picture(example)) for example in gallery.examples[:room]]
        room -= len(shown)
        found += [(gallery.title, shown)] if shown else []
    return found


def _picture(mistake: Mistake | Example) -> str | None:
    """A data address; None for a picture that is missing or too large for the page."""
    if mistake.jpeg is None or len(mistake.jpeg) > LARGEST_PICTURE:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(mistake.jpeg).decode("ascii")


def _sorted_findings(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: order.get(str(finding.get("severity")), 3))
