from collections.abc import Sequence
from pathlib import Path

import pytest

from plusx.core.finding import Finding
from plusx.core.sample import Listing, Sample
from plusx.core.targets import Boxes
from plusx.data.inspection import box_checks
from plusx.data.inspection.checks import CHECKS, Check
from plusx.data.inspection.facts import Facts
from plusx.data.inspection.subject import Inspected, Subject

WIDTH, HEIGHT = 80, 60


def found(check: Check, corners: Sequence[Sequence[float]], labels: Sequence[int] | None = None) -> list[Finding]:
    """In one image with these boxes, and another with a good one."""
    targets = [Boxes.of(corners, [0] * len(corners) if labels is None else labels), Boxes.of([[1, 1, 9, 9]], [1])]
    samples = [Sample(Path(name), target, name) for name, target in zip("ab", targets, strict=True)]
    images = tuple(Inspected("train", s, Facts(s.name, HEIGHT, WIDTH)) for s in samples)
    return list(check(Subject(Listing({"train": tuple(samples)}, "boxes", ("cat", "dog")), images)))


@pytest.mark.parametrize("check", box_checks.BOX_CHECKS)
def test_good_boxes_have_no_findings_and_the_checks_are_entered(check: Check) -> None:
    assert found(check, [[0, 0, 2, 2], [0, 0, 80, 59], [0, 0, 80.005, 2]]) == []
    assert check in CHECKS


def test_tiny_boxes() -> None:
    (finding,) = found(box_checks.tiny_boxes, [[1, 1, 9, 9], [1, 1, 9, 2.5], [1, 1, 2, 9]])
    assert (finding.code, finding.severity, finding.image, finding.split) == ("box-tiny", "warning", "a", "train")
    assert finding.message == "a (train): 2 boxes narrower than 2 pixels, x1, y1, x2, y2 = 1, 1, 9, 2.5"


def test_the_same_box_of_the_same_class() -> None:
    box = [1, 1, 9, 9]
    (finding,) = found(box_checks.repeated_boxes, [box, box, [1, 1, 9, 8], box], [0, 1, 0, 0])
    assert finding.message == "a (train): 1 box that another repeats exactly, x1, y1, x2, y2 = 1, 1, 9, 9"
    assert (finding.code, finding.severity) == ("box-duplicate", "warning")


def test_boxes_over_all_of_the_image() -> None:
    (finding,) = found(box_checks.whole_boxes, [[0, 0, 80, 59.5]])
    assert (finding.code, finding.severity) == ("box-whole", "note")
    assert "1 box over more than 99% of the image" in finding.message


def test_boxes_over_the_edge() -> None:
    (finding,) = found(box_checks.outside_boxes, [[-1, 0, 5, 5], [0, 0, 5, 61]])
    assert (finding.code, finding.severity) == ("box-outside", "error")
    assert "2 boxes over the edge of the image, 80×60, x1, y1, x2, y2 = -1, 0, 5, 5" in finding.message


def test_images_without_boxes_are_counted() -> None:
    (finding,) = found(box_checks.without_boxes, [])
    assert (finding.code, finding.severity, finding.split) == ("no-boxes", "note", "train")
    assert finding.message == "1 of 2 images in train have no boxes, all background: a"


def test_classes_are_counted_by_images_and_ignored_boxes_are_not() -> None:
    corners = [[0, 0, 9, 9], [0, 0, 9, 8], [0, 0, 9, 9]]
    targets = [Boxes.of(corners, [0, 0, 1], [False, False, True]), Boxes.of(corners[:1], [0])]
    samples = tuple(Sample(Path(str(i)), target, str(i)) for i, target in enumerate(targets))
    images = tuple(Inspected("train", s, Facts(s.name, HEIGHT, WIDTH)) for s in samples)
    subject = Subject(Listing({"train": samples}, "boxes", ("cat", "dog")), images)
    assert subject.counts == {"train": {0: 2}}
    (empty,) = (finding for check in CHECKS for finding in check(subject))
    assert (empty.code, empty.message) == ("class-empty", "Class 'dog' has no box in a readable image")
