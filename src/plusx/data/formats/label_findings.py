"""What is wrong with labels before it is known what they mean: none at all, and text among numbers."""

from collections.abc import Iterator, Sequence

from plusx.core.errors import DataError
from plusx.core.finding import Finding
from plusx.core.sample import Kind
from plusx.data.formats.format import Entry
from plusx.data.formats.labels import found_separator, is_integer, is_missing, is_number, label_type


def unlabelled(entries: Sequence[Entry], kind: Kind, separator: str | None) -> Iterator[Finding]:
    """Images without a label: an empty cell, NaN, n/a."""
    if not any(is_missing(entry.label) for entry in entries):
        return
    none = _none_of_them(entries, separator) if kind == "labels" else None
    other = "leave the image out" if none is None else f"{none} where it has none of the classes"
    advice = f"Write the label there, or {other}. It is left out."
    for entry in entries:
        if is_missing(entry.label):
            message = f"{entry.where}: it has no label ({entry.label!r})"
            yield Finding("no-label", "warning", message, advice, entry.name, entry.split, excluded=(entry.name,))


def _none_of_them(entries: Sequence[Entry], separator: str | None) -> str | None:
    """How an image without any of several classes is written, as the others are; None where nothing shows it."""
    labels = [entry.label for entry in entries if not is_missing(entry.label)]
    texts = [label for label in labels if isinstance(label, str)]
    if not texts:
        return "an empty list" if labels else None
    used = separator or found_separator(texts)
    return None if used is None else f"a lone {used}"


def of_one_type(entries: Sequence[Entry]) -> tuple[list[Entry], list[Finding]]:
    """(entries whose labels are of the type that most are of, a finding for each of the others).

    All of them where types do not exclude each other: text, whole numbers among text.
    """
    types = [_type(entry) for entry in entries]
    kinds = sorted(set(types))
    decimals = any(is_number(entry.label) and not is_integer(entry.label) for entry in entries)
    if len(kinds) < 2 or (set(kinds) == {_NUMBER, _TEXT} and not decimals and _all_text(entries)):
        return list(entries), []
    usual = max(kinds, key=types.count)
    typed = list(zip(entries, types, strict=True))
    strange = [_strange(entry, kind, usual) for entry, kind in typed if kind != usual]
    return [entry for entry, kind in typed if kind == usual], strange


_NUMBER, _TEXT = "a number", "text"


def _type(entry: Entry) -> str:
    """Numbers that are written as text are numbers."""
    try:
        kind = label_type(entry.label)
    except DataError:
        return "something else"
    return _NUMBER if kind == _TEXT and is_number(entry.label) else kind


def _all_text(entries: Sequence[Entry]) -> bool:
    return all(isinstance(entry.label, str) for entry in entries)


def _strange(entry: Entry, kind: str, usual: str) -> Finding:
    return Finding(
        "label-type",
        "error",
        f"{entry.where}: its label {entry.label!r} is {kind}, most others are {usual}",
        "Correct the label, or leave the image out: training needs labels of one type.",
        entry.name,
        entry.split,
        excluded=(entry.name,),
    )
