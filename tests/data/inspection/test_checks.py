from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from plusx.core.finding import Finding
from plusx.core.sample import Kind, Listing, Sample
from plusx.core.targets import Label, Labels, Target, Value
from plusx.data.inspection import checks
from plusx.data.inspection.checks import CHECKS, Check
from plusx.data.inspection.facts import Facts
from plusx.data.inspection.label_checks import case_twins, numbers_among_names, unsure
from plusx.data.inspection.subject import Inspected, Subject

Row = tuple[str, str, Target | None, Facts]
"""Split, name, target, facts."""


def _facts(digest: str = "") -> Facts:
    return Facts(digest, 64, 64)


def _subject(
    rows: Sequence[Row],
    classes: tuple[str, ...] = ("cat", "dog"),
    kind: Kind = "label",
    splits: tuple[str, ...] = ("train", "val"),
) -> Subject:
    images = tuple(Inspected(split, Sample(Path(name), target, name), facts) for split, name, target, facts in rows)
    listed = {split: tuple(image.sample for image in images if image.split == split) for split in splits}
    return Subject(Listing(listed, kind, classes), images)


GOOD: list[Row] = [
    ("train", "1", Label(0), _facts("a")),
    ("train", "2", Label(1), _facts("b")),
    ("val", "3", Label(0), _facts("c")),
    ("val", "4", Label(1), _facts("d")),
]


def _found(check: Check, subject: Subject) -> list[Finding]:
    return list(check(subject))


@pytest.mark.parametrize("check", CHECKS)
def test_good_data_and_no_data_have_no_findings(check: Check) -> None:
    assert _found(check, _subject(GOOD)) == []
    assert _found(check, _subject([], classes=())) == []
    assert _found(check, _subject([], classes=(), splits=())) == []
    value = [("train", "1", Value((2.0,)), _facts("a")), ("val", "2", Value((3.0,)), _facts("b"))]
    assert _found(check, _subject(value, classes=("price",), kind="value")) == []


@pytest.mark.parametrize("problem", ["missing", "unreadable", "cut-off", "constant-tail"])
def test_unreadable(problem: str) -> None:
    rows = [*GOOD, ("train", "5", Label(0), Facts("x", problem=problem, detail="it is broken"))]
    (finding,) = _found(checks.unreadable, _subject(rows))
    assert (finding.code, finding.severity, finding.image, finding.split) == (problem, "error", "5", "train")
    assert finding.message == "5 (train): it is broken"
    assert "left out" in finding.advice


def test_leaks() -> None:
    rows = [*GOOD, ("val", "5", Label(0), _facts("a")), ("val", "6", Label(0), _facts("a"))]
    (finding,) = _found(checks.leaks, _subject(rows))
    assert finding.severity == "error"
    assert finding.message == "The same image in several splits: 1 (train), 5 (val), 6 (val)"
    assert _found(checks.contradictions, _subject(rows)) == []
    (copies,) = _found(checks.duplicates, _subject(rows))
    assert (copies.message, copies.split) == ("The same image: 5 (val), 6 (val)", "val")


def test_of_the_same_images_that_of_train_or_the_first_stays_and_of_contradicting_ones_none() -> None:
    rows = [("val", "5", Label(0), _facts("a")), ("val", "6", Label(0), _facts("a")), *GOOD]
    (leak,) = _found(checks.leaks, _subject(rows))
    assert (leak.images, leak.excluded) == (("5", "6", "1"), ("5", "6"))
    (copies,) = _found(checks.duplicates, _subject(rows))
    assert (copies.images, copies.excluded) == (("5", "6"), ("6",))
    (apart,) = _found(checks.contradictions, _subject([*rows, ("val", "7", Label(1), _facts("a"))]))
    assert apart.images == apart.excluded == ("5", "6", "1", "7")
    twice = [*GOOD, ("train", "1", Label(0), _facts("a"))]  # one name, which stays
    (copies,) = _found(checks.duplicates, _subject(twice))
    assert (copies.images, copies.excluded) == (("1",), ())


def test_broken_copies_are_no_leak() -> None:
    broken = Facts("x", problem="cut-off")
    rows = [*GOOD, ("train", "5", Label(0), broken), ("val", "6", Label(0), broken)]
    assert _found(checks.leaks, _subject(rows)) == []


def test_long_groups_are_shortened() -> None:
    rows: list[Row] = [("train", str(i), Label(0), _facts("a")) for i in range(9)]
    (finding,) = _found(checks.duplicates, _subject(rows))
    assert finding.message == "The same image: 0 (train), 1 (train), 2 (train), 3 (train) and 5 more"


def test_contradictions() -> None:
    rows = [*GOOD, ("train", "5", Label(1), _facts("a"))]
    (finding,) = _found(checks.contradictions, _subject(rows))
    assert (finding.code, finding.severity) == ("contradiction", "error")
    assert finding.message == "The same image with different labels: 1 (train, 'cat'), 5 (train, 'dog')"
    assert _found(checks.duplicates, _subject(rows)) == []


def test_missing_classes() -> None:
    in_val, in_train = _found(checks.missing_classes, _subject([GOOD[0], GOOD[3]]))
    assert (in_val.severity, in_val.split) == ("error", "train")
    assert in_val.message == "Class 'dog' has no image in train: it cannot be learned"
    assert (in_train.severity, in_train.split) == ("warning", "val")
    assert in_train.message == "Class 'cat' has no image in val: it cannot be judged there"
    assert _found(checks.missing_classes, _subject(GOOD[:1], splits=("train",))) == []


def test_missing_classes_of_several_labels() -> None:
    rows: list[Row] = [("train", "1", Labels((0, 1)), _facts("a")), ("val", "2", Labels(()), _facts("b"))]
    found = _found(checks.missing_classes, _subject(rows, kind="labels"))
    assert [finding.split for finding in found] == ["val", "val"]


def test_empty_classes() -> None:
    (finding,) = _found(checks.empty_classes, _subject(GOOD, classes=("cat", "dog", "eel")))
    assert (finding.code, finding.severity) == ("class-empty", "warning")
    assert finding.message == "Class 'eel' has no readable image"


def test_one_class() -> None:
    (finding,) = _found(checks.one_class, _subject(GOOD[:1]))
    assert finding.message == "All images have the same label, 'cat'"
    assert "At least two classes are needed" in finding.advice
    assert _found(checks.one_class, _subject([("train", "1", Labels((0,)), _facts())], kind="labels")) == []


@pytest.mark.parametrize("twin", ["Cat", "CAT ", "ｃａｔ", " cat", "c\u200bat"])
def test_case_twins(twin: str) -> None:
    rows = [*GOOD, ("train", "5", Label(2), _facts("e"))]
    (finding,) = _found(case_twins, _subject(rows, classes=("cat", "dog", twin)))
    assert (finding.code, finding.severity, finding.images) == ("case-twins", "error", ("5",))
    assert finding.message == f"Classes that differ only in case or spaces: 'cat' (2), {twin!r} (1)"


@pytest.mark.parametrize("name", ["Not sure", "UNKNOWN", "?", "not_sure", "未知"])
def test_a_label_that_says_that_nobody_knew(name: str) -> None:
    rows = [*GOOD, ("train", "5", Label(2), _facts("e"))]
    (finding,) = _found(unsure, _subject(rows, classes=("cat", "dog", name)))
    assert (finding.code, finding.severity, finding.excluded) == ("label-unsure", "warning", ("5",))
    assert finding.message == f"Label {name!r} of 1 image says that nobody knew: 5"
    assert _found(unsure, _subject(rows, classes=("a", "b", "?"))) == []  # signs to be read


def test_numbers_among_names() -> None:
    rows: list[Row] = [("train", str(n), Label(n % 2), _facts(str(n))) for n in range(20)]
    rows.append(("train", "x", Label(2), _facts("x")))
    (finding,) = _found(numbers_among_names, _subject(rows, classes=("cat", "dog", "17")))
    assert (finding.code, finding.images) == ("label-mixed", ("x",))
    assert finding.message == "1 image with numbers as labels, all others have names: x (17)"
    (finding,) = _found(numbers_among_names, _subject(rows, classes=("0", "1", "cat")))
    assert finding.message == "1 image with names as labels, all others have numbers: x (cat)"
    assert _found(numbers_among_names, _subject(rows[:20], classes=("0", "a"))) == []


def test_tiny() -> None:
    rows = [*GOOD, ("val", "5", Label(0), Facts("x", 1, 400)), ("val", "6", Label(0), Facts("y", 8, 8))]
    (finding,) = _found(checks.tiny, _subject(rows))
    assert finding.message == "5 (val): only 400×1 pixels"
    assert finding.severity == "warning"


def test_grey_tails() -> None:
    rows: list[Row] = [
        ("train", "1", Label(0), Facts("a", 100, 100, grey_rows=40)),
        ("train", "2", Label(0), Facts("b", 100, 100, grey_rows=7)),
        ("train", "3", Label(0), Facts("c", 100, 100, grey_rows=100)),  # a grey wall
    ]
    (finding,) = _found(checks.grey_tails, _subject(rows))
    assert finding.message == "1 (train): the lower 40 of 100 rows are mid-grey"
    assert (finding.code, finding.severity) == ("grey-tail", "warning")


def test_imbalance() -> None:
    rows: list[Row] = [("train", str(i), Label(0), _facts(str(i))) for i in range(20)]
    rows += [("train", "x", Label(1), _facts("x")), ("train", "y", Label(1), _facts("y"))]
    (finding,) = _found(checks.imbalance, _subject(rows))
    assert finding.severity == "note"
    assert finding.message == "Class 'cat' has 20 images in train, class 'dog' has 2"
    assert finding.command == "plusx fit DATA --balance weights"
    assert _found(checks.imbalance, _subject(rows[1:])) == []


def test_every_check_says_what_to_do() -> None:
    rows: list[Row] = [
        *GOOD,
        ("train", "5", Label(1), _facts("a")),
        ("val", "6", Label(0), _facts("a")),
        ("val", "7", Label(0), Facts("x", 2, 2)),
        ("val", "8", Label(2), Facts("y", 99, 99, grey_rows=50)),
        ("val", "9", Label(2), Facts(problem="missing", detail="there is no such file")),
        *(("val", name, Label(2), _facts("z")) for name in ("10", "11")),
    ]
    subject = _subject(rows, classes=("cat", "dog", "Cat", "eel"))
    found = [finding for check in CHECKS for finding in check(subject)]
    assert len(Counter(finding.code for finding in found)) == 9
    assert all(finding.advice.endswith(".") for finding in found)
    assert all(
        set(finding.to_json()) >= {"code", "severity", "message", "advice", "image", "split"} for finding in found
    )
