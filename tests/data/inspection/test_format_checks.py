from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plusx.core.finding import Finding
from plusx.core.sample import Kind, Listing, Sample
from plusx.data.images import FORMATS, IMAGE_SUFFIXES
from plusx.data.inspection import format_checks as module
from plusx.data.inspection.checks import CHECKS, Check
from plusx.data.inspection.facts import Facts
from plusx.data.inspection.subject import Inspected, Subject


def _with(facts: Facts, what: dict[str, Any]) -> Facts:
    return replace(facts, **what)


def found(check: Check, *odd: tuple[str, dict[str, Any]], kind: Kind = "label", others: int = 40) -> list[Finding]:
    """Among so many ordinary photos."""
    usual = [(f"{i}.jpg", {"format": "JPEG"}) for i in range(others)]
    images = []
    for name, what in [*usual, *odd]:
        facts = _with(Facts(name, 480, 640, mode="RGB"), what)
        images.append(Inspected("train", Sample(Path(name), None, name), facts))
    return list(check(Subject(Listing({"train": tuple(i.sample for i in images)}, kind), tuple(images))))


@pytest.mark.parametrize("check", module.FORMAT_CHECKS)
def test_ordinary_photos_have_no_findings_and_the_checks_are_entered(check: Check) -> None:
    assert found(check) == []
    assert found(check, others=0) == []
    assert check in CHECKS


def test_every_format_has_its_suffixes() -> None:
    assert set(module.SUFFIXES) == set(FORMATS)
    assert {suffix for suffixes in module.SUFFIXES.values() for suffix in suffixes} == IMAGE_SUFFIXES


def test_wrong_suffixes() -> None:
    rows = [("a.jpg", {"format": "PNG"}), ("b.JPG", {"format": "PNG"}), ("c.png", {"format": "GIF"})]
    fine = [("d.JPEG", {"format": "JPEG"}), ("e", {"format": "PNG"}), ("f.img", {"format": "PNG"}), ("g.png", {})]
    first, second = found(module.wrong_suffixes, *rows, *fine)
    assert first.message == "2 of 47 images in train are named .jpg and hold PNG: a.jpg, b.JPG"
    assert (first.code, first.severity, first.images) == ("wrong-suffix", "note", ("a.jpg", "b.JPG"))
    assert second.images == ("c.png",)


def test_several_pictures_in_a_file() -> None:
    rows = [("a.gif", {"format": "GIF", "frames": 9}), ("b.tif", {"format": "TIFF", "frames": 2})]
    (moving,) = found(module.animations, *rows)
    assert moving.message == "1 of 42 images in train are animations: a.gif"
    assert (moving.code, moving.severity, moving.images) == ("animated", "warning", ("a.gif",))
    (paged,) = found(module.pages, *rows)
    assert paged.message == "1 of 42 images in train have several pages: b.tif"
    assert (paged.code, paged.severity) == ("multi-page", "warning")


def test_depth_and_inks() -> None:
    rows = [("a.png", {"bits": 16, "mode": "I;16"}), ("b.jpg", {"mode": "CMYK"}), ("c.png", {"bits": 1})]
    (finding,) = found(module.deep, *rows)
    assert (finding.code, finding.severity, finding.images) == ("deep", "note", ("a.png",))
    assert finding.message == "1 of 43 images in train have more than 8 bits a channel: a.png"
    (finding,) = found(module.four_inks, *rows)
    assert (finding.code, finding.severity, finding.images) == ("cmyk", "note", ("b.jpg",))


@pytest.mark.parametrize(("kind", "severity"), [("label", "note"), ("boxes", "warning"), ("mask", "warning")])
def test_a_few_turned_images(kind: Kind, severity: str) -> None:
    rows = [(f"{i}.png", {"orientation": 6}) for i in range(5)]
    (finding,) = found(module.turned, *rows[:2], kind=kind)
    assert finding.message == "2 of 42 images in train are turned by their EXIF data, unlike the others: 0.png, 1.png"
    assert (finding.code, finding.severity) == ("turned", severity)
    assert ("boxes" in finding.advice) == (severity == "warning")
    assert found(module.turned, *rows) == []  # 5 of 45 are no outliers
    assert found(module.turned, *rows[:1], others=10) == []  # too few to tell


def test_unusual_sizes_and_shapes() -> None:
    large, small = ("large.jpg", {"height": 1920, "width": 2560}), ("small.jpg", {"height": 120, "width": 160})
    long, high = ("long.jpg", {"height": 250, "width": 1400}), ("high.jpg", {"height": 960, "width": 320})
    (finding,) = found(module.unusual_sizes, large, long, others=60)
    assert finding.images == ("large.jpg",)
    assert "4 times as large or as small as is typical (554 pixels a side), or more: large.jpg" in finding.message
    (finding,) = found(module.unusual_sizes, small, others=60)
    assert (finding.code, finding.severity) == ("unusual-size", "warning")
    (finding,) = found(module.unusual_shapes, large, long, high, others=60)
    assert (finding.code, finding.severity, finding.images) == ("unusual-shape", "warning", ("long.jpg", "high.jpg"))


def test_a_mixture_has_no_outliers() -> None:
    rows = [(f"{i}.png", {"height": 48 * 2 ** (i % 6), "width": 64 * 2 ** (i % 6)}) for i in range(60)]
    assert found(module.unusual_sizes, *rows, others=0) == []


def test_every_check_says_what_to_do() -> None:
    what = {"format": "GIF", "frames": 2, "bits": 16, "mode": "CMYK", "orientation": 3, "height": 9}
    findings = [finding for check in module.FORMAT_CHECKS for finding in found(check, ("a.png", what))]
    assert len(findings) == 7
    assert all(finding.advice.endswith(".") for finding in findings)
