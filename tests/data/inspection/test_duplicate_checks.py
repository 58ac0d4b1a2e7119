from pathlib import Path

import numpy as np
import pytest

from plusx.core.finding import Finding
from plusx.core.sample import Kind, Listing, Sample
from plusx.core.targets import Label, Labels, Target, Value
from plusx.data.inspection import duplicate_checks as module
from plusx.data.inspection.checks import CHECKS, Check, contradictions
from plusx.data.inspection.facts import Facts
from plusx.data.inspection.subject import Inspected, Subject

Row = tuple[str, str, Target | None, Facts]
"""Split, name, target, facts."""


def facts(look: int, pixels: int) -> Facts:
    """Alike where `look` is equal, equal where `pixels` is."""
    rng = np.random.default_rng(look)
    return Facts("", 64, 64, pixels=bytes([pixels]) * 16, phash=rng.bytes(8), miniature=rng.bytes(768))


def found(check: Check, rows: list[Row], kind: Kind = "label") -> list[Finding]:
    images = tuple(Inspected(split, Sample(Path(name), target, name), fact) for split, name, target, fact in rows)
    listed = {s: tuple(image.sample for image in images if image.split == s) for s in ("train", "val")}
    return list(check(Subject(Listing(listed, kind, ("cat", "dog", "eel")), images)))


CAT, DOG, EEL = Label(0), Label(1), Label(2)


def test_the_checks_are_entered() -> None:
    assert set(module.DUPLICATE_CHECKS) <= set(CHECKS)


def test_near_leaks_name_those_that_are_linked_over_the_split() -> None:
    rows: list[Row] = [
        ("train", "a", CAT, facts(1, 1)),
        ("val", "b", CAT, facts(1, 2)),
        ("train", "c", CAT, facts(2, 3)),
        ("train", "d", CAT, facts(2, 4)),
        ("val", "e", CAT, facts(3, 5)),
    ]
    (finding,) = found(module.near_leaks, rows)
    assert (finding.code, finding.severity, finding.images) == ("near-leak", "warning", ("a", "b"))
    assert finding.message == "2 images in several splits look alike: a (train), b (val)"
    (finding,) = found(module.near_duplicates, rows)
    assert (finding.code, finding.severity, finding.split) == ("near-duplicate", "note", "train")
    assert (finding.message, finding.images) == ("2 images in train look alike: c (train), d (train)", ("c", "d"))


def test_equal_pictures_alone_are_not_near() -> None:
    rows: list[Row] = [("train", "a", CAT, facts(1, 1)), ("val", "b", DOG, facts(1, 1))]
    for check in (module.near_leaks, module.near_contradictions, module.near_duplicates):
        assert found(check, rows) == []


def test_near_contradictions() -> None:
    rows: list[Row] = [
        ("train", "a", CAT, facts(1, 1)),
        ("train", "b", DOG, facts(1, 2)),
        ("train", "c", DOG, facts(2, 3)),
        ("train", "d", DOG, facts(2, 4)),
    ]
    (finding,) = found(module.near_contradictions, rows)
    assert (finding.code, finding.severity, finding.images) == ("near-contradiction", "warning", ("a", "b"))
    assert finding.message == "2 images with different labels look alike: a (train), b (train)"


def test_values_of_near_pictures_may_differ_and_several_labels_may_not() -> None:
    values: list[Row] = [("train", str(i), Value((float(i),)), facts(1, i)) for i in range(2)]
    assert found(module.near_contradictions, values, "value") == []
    labels: list[Row] = [("train", str(i), Labels((i,)), facts(1, i)) for i in range(2)]
    assert len(found(module.near_contradictions, labels, "labels")) == 1


@pytest.mark.parametrize(
    ("labels", "placeholder"),
    [
        ([CAT, DOG, EEL, CAT, DOG], True),
        ([CAT] * 30 + [DOG] * 20, True),
        ([CAT, DOG, EEL, CAT], False),  # too few
        ([CAT] * 5 + [DOG], False),  # one slip
        ([CAT] * 9, False),
    ],
)
def test_placeholders_are_no_contradictions(labels: list[Label], placeholder: bool) -> None:
    rows: list[Row] = [("train", str(i), label, facts(1, 1)) for i, label in enumerate(labels)]
    findings = found(module.placeholders, rows)
    assert [finding.code for finding in findings] == ["placeholder"] * placeholder
    assert bool(found(contradictions, rows)) == (not placeholder and len(set(labels)) > 1)
    for finding in findings:
        assert finding.message.startswith(f"The same picture {len(rows)} times under several labels: 0 (train), ")
        assert finding.severity == "error"
        assert finding.excluded == finding.images == tuple(str(i) for i in range(len(rows)))


def test_pictures_that_show_nothing() -> None:
    flat = Facts("x", 64, 64, pixels=b"x", miniature=bytes(768))
    small = Facts("y", 5, 64, pixels=b"y", miniature=bytes(768))
    rows: list[Row] = [("train", "a", CAT, flat), ("train", "b", CAT, facts(1, 1)), ("train", "c", CAT, small)]
    (finding,) = found(module.nearly_one_colour, rows)
    assert (finding.code, finding.severity, finding.images) == ("one-colour", "warning", ("a",))
    assert finding.message == "1 of 3 images in train are of nearly one colour: a"


def test_every_check_says_what_to_do() -> None:
    rows: list[Row] = [("train", str(i), Label(i % 2), facts(i // 3, i)) for i in range(6)]
    rows += [("val", str(i), CAT, facts(1, i)) for i in range(7, 9)]
    findings = [finding for check in module.DUPLICATE_CHECKS for finding in found(check, rows)]
    assert len({finding.code for finding in findings}) == 3
    assert all(finding.advice.endswith(".") for finding in findings)
