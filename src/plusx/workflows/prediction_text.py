"""Predictions as lines of text: a table, JSON lines, CSV. Each is written as it comes. Needs no torch."""

import csv
import io
import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from plusx.core.prediction import (
    Box,
    BoxesPrediction,
    LabelPrediction,
    LabelsPrediction,
    MaskPrediction,
    MasksPrediction,
    Prediction,
    ValuePrediction,
)
from plusx.workflows.sources import Unreadable

Results: TypeAlias = Iterable[Prediction | Unreadable]

MEASURED = 32
"""The columns of a table are as wide as its first rows need; longer cells of later rows stick out."""


def table_lines(results: Results) -> Iterator[str]:
    """A headline, then a row an image, with shares in per cent. Unreadable images are left to the log."""
    rows = (_table_row(one) for one in results if isinstance(one, Prediction))
    head = list(itertools.islice(rows, MEASURED))
    if not head:
        return
    names = list(head[0])
    widths = [max(_width(text) for text in (name, *(row[name] for row in head))) for name in names]
    yield _aligned(names, widths)
    for row in itertools.chain(head, rows):
        yield _aligned([row[name] for name in names], widths)


def json_lines(results: Results) -> Iterator[str]:
    """One object an image; `error` in place of a prediction where it could not be read."""
    for one in results:
        yield json.dumps(one.to_json(), ensure_ascii=False)


def csv_lines(results: Results) -> Iterator[str]:
    """Shares as 0..1. The columns are those of the first prediction; `error` is the last. Of boxes a row each."""
    remaining = iter(results)
    early: list[Unreadable] = []
    for first in remaining:
        if isinstance(first, Prediction):
            break
        early.append(first)
    else:
        first = None
    names = ["image"] if first is None else list(_csv_rows(first)[0])
    yield _csv_line([*names, "error"])
    read = () if first is None else (first,)
    for one in itertools.chain(early, read, remaining):
        for row in [one.to_json()] if isinstance(one, Unreadable) else _csv_rows(one):
            yield _csv_line([row.get(name, "") for name in (*names, "error")])


FORMATS: Mapping[str, Callable[[Results], Iterator[str]]] = {
    "table": table_lines,
    "json": json_lines,
    "csv": csv_lines,
}


def _table_row(prediction: Prediction) -> dict[str, str]:
    match prediction:
        case LabelPrediction():
            others = list(prediction.probabilities.items())[1:]
            then = ", ".join(f"{label} {share:.1%}" for label, share in others)
            probability = f"{prediction.probability:.1%}"
            return {"image": prediction.name, "label": prediction.label, "probability": probability, "then": then}
        case LabelsPrediction():
            chosen = (f"{label} {prediction.probabilities[label]:.1%}" for label in prediction.labels)
            return {"image": prediction.name, "labels": ", ".join(chosen) or "(none)"}
        case ValuePrediction():
            return {"image": prediction.name, **{key: f"{value:.10g}" for key, value in prediction.values.items()}}
        case BoxesPrediction():
            counts = Counter(box.label for box in prediction.boxes).most_common()
            found = ", ".join(f"{count} {label}" for label, count in counts) or "(none)"
            return {"image": prediction.name, "objects": found}
        case MaskPrediction() | MasksPrediction():
            shares = (f"{label} {share:.1%}" for label, share in prediction.shares.items())
            return {"image": prediction.name, "pixels": ", ".join(shares) or "(none)"}
        case _:
            return {key: str(value) for key, value in prediction.to_json().items()}


def _csv_rows(prediction: Prediction) -> list[dict[str, str]]:
    """At least one: of an image without objects one with empty cells."""
    if isinstance(prediction, BoxesPrediction):
        empty = dict.fromkeys(("label", "score", "x1", "y1", "x2", "y2"), "")
        rows = [_box_cells(box) for box in prediction.boxes] or [empty]
        return [{"image": prediction.name, **row} for row in rows]
    return [_csv_row(prediction)]


def _box_cells(box: Box) -> dict[str, str]:
    places = {side: f"{getattr(box, side):.2f}" for side in ("x1", "y1", "x2", "y2")}
    return {"label": box.label, "score": f"{box.score:.6f}", **places}


def _csv_row(prediction: Prediction) -> dict[str, str]:
    match prediction:
        case MaskPrediction() | MasksPrediction():
            shares = {f"share {label}": f"{prediction.shares.get(label, 0.0):.6f}" for label in prediction.classes}
            return {"image": prediction.name, **shares}
        case LabelPrediction():
            row = {"image": prediction.name, "label": prediction.label, "probability": f"{prediction.probability:.6f}"}
            others = list(prediction.probabilities.items())[1:]
            for place, (label, share) in enumerate(others, start=2):
                row |= {f"label {place}": label, f"probability {place}": f"{share:.6f}"}
            return row
        case LabelsPrediction():
            shares = {f"probability {label}": f"{share:.6f}" for label, share in prediction.probabilities.items()}
            return {"image": prediction.name, "labels": ";".join(prediction.labels), **shares}
        case ValuePrediction():
            return {"image": prediction.name, **{key: f"{value:.12g}" for key, value in prediction.values.items()}}
        case _:
            return {key: str(value) for key, value in prediction.to_json().items()}


def _csv_line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _aligned(cells: Iterable[str], widths: Iterable[int]) -> str:
    padded = (text + " " * (width - _width(text)) for text, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """Columns of the terminal that `text` takes: East Asian letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
