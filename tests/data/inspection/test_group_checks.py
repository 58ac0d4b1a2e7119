import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from plusx.core.sample import Listing, Sample
from plusx.core.targets import Label
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.inspection.facts import Facts
from plusx.data.inspection.group_checks import series
from plusx.data.inspection.subject import Inspected, Subject

CLASSES = ("cat", "dog")


def _subject(names: Sequence[str], labels: Sequence[int] | None = None, **splits: Sequence[str]) -> Subject:
    labels = labels or [number % 2 for number in range(len(names))]
    rows = [Sample(Path(name), Label(label), name) for name, label in zip(names, labels, strict=True)]
    others = {split: tuple(Sample(Path(name), Label(0), name) for name in own) for split, own in splits.items()}
    listing = Listing({"train": tuple(rows), **others}, "label", CLASSES)
    return Subject(listing, tuple(Inspected("train", row, Facts(row.name, 64, 64)) for row in rows))


SERIES = {
    "frames": ([f"clip{c:02}_frame{f:04}.jpg" for c in range(6) for f in (3, 90, 400, 1200)], "clip03"),
    "bursts": (
        [f"IMG_{n:04}.jpg" for n in range(400, 460)]
        + [f"IMG_{n:04}_{k}.jpg" for n in (412, 420, 433) for k in (1, 2, 3)],
        "IMG_0412",
    ),
    "copies": ([f"DSC0{n}.jpg" for n in range(20)] + [f"DSC0{n} ({k}).jpg" for n in (4, 7) for k in (1, 2)], "DSC04"),
    "people": ([f"{who}-{n:03}.png" for who in ("alice", "bob", "carol", "李雷") for n in range(1, 9)], "alice"),
    "sides": ([f"p{n:02}_{side}.png" for n in range(12) for side in ("left", "right")], "p03"),
    "patients": ([f"p{n:03}_{v}_{s}.png" for n in range(8) for v in (1, 2) for s in range(3)], "p003_1"),
    "folders": ([f"frames/c{c:03}/{f:03}.png" for c in range(7) for f in range(5)], "c003"),
    "turntable": (
        [f"{k}/{k} {o}/r0_{a}_100.jpg" for k in ("Apple", "Pear") for o in range(3) for a in range(4)],
        "Pear 1",
    ),
}


@pytest.mark.parametrize("kind", SERIES)
def test_series_are_found_with_a_pattern_that_works_as_it_is(kind: str) -> None:
    names, group = SERIES[kind]
    labels = [("Pear" in name) + 0 for name in names] if kind == "turntable" else None
    (finding,) = series(_subject(names, labels))
    assert (finding.code, finding.severity) == ("groups-names", "warning")
    assert finding.message.endswith("a random validation split separates them")
    option, pattern = finding.options
    assert option == "--group-pattern"
    keys = [re.search(pattern, name if "/" in pattern else Path(name).name) for name in names]
    assert group in {match[1] for match in keys if match}


ORDINARY = {
    "numbers": [f"{n:012}.jpg" for n in range(1, 400, 7)],
    "camera": [f"IMG_{n:04}.jpg" for n in range(60)] + [f"DSC_{n:04}.JPG" for n in range(40)],
    "phone": [f"PXL_2023050{d}_{(d * 7919 + h * 104729) % 240000:06}123.jpg" for d in range(1, 9) for h in range(6)],
    "days": [f"2023-05-{d:02}.jpg" for d in range(1, 30)],
    "hex": [f"{n * 2654435761 % 2**32:08x}.png" for n in range(80)],
    "one series": [f"BloodImage_{n:05}.jpg" for n in range(60)],
    "code points": [f"1f{n:03x}.png" for n in range(300)],
    "screens": [f"Screenshot 2023-05-{d:02} at 12.{d}.{d * 2}.png" for d in range(1, 29)],
}


@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_numbers_are_no_series(kind: str) -> None:
    assert list(series(_subject(ORDINARY[kind]))) == []


def test_what_names_the_class_is_no_series() -> None:
    names = [f"{kind}_{n:03}.jpg" for kind in ("cat", "dog") for n in range(20)]
    assert list(series(_subject(names, [0] * 20 + [1] * 20))) == []
    folders = [f"{kind}/{n:03}.jpg" for kind in ("cat", "dog") for n in range(20)]
    assert list(series(_subject(folders, [0] * 20 + [1] * 20))) == []


def test_nothing_is_said_where_no_split_is_drawn() -> None:
    names, _ = SERIES["people"]
    assert list(series(_subject(names, val=("x.png",)))) == []
    assert list(series(_subject([], []))) == []


def test_a_pattern_with_a_slash_looks_at_the_path(tmp_path: Path) -> None:
    for name in ("cat/a/1.png", "cat/b/1.png", "dog/c/1.png", "dog/d/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"")
    listing = read(tmp_path, ReadOptions(group_pattern=r"([^/]+)/[^/]+$"))
    assert [sample.group for sample in listing.splits["train"]] == ["a", "b", "c", "d"]
