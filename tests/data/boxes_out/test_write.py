"""Boxes written in a format and read again are the boxes they were."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import boxed
from plusx.core.errors import DataError, StorageError
from plusx.core.sample import Listing, Sample
from plusx.core.targets import Boxes
from plusx.data.boxes_out.write import WRITERS, Written, write_boxes
from plusx.data.formats.read import read

NEAR = 1e-3  # pixels
CLASSES = ("猫 猫", 'it\'s: a #1, "dog" \\ <&>')


def listing_of(
    root: Path, targets: Sequence[Boxes], names: Sequence[str], classes: tuple[str, ...] = CLASSES
) -> Listing:
    """The images in `root`, all in "train" but the last."""
    for name in names:
        boxed.pictures((root / name).parent, Path(name).name)
    samples = [Sample(root / name, target, name) for name, target in zip(names, targets, strict=True)]
    splits = {"train": tuple(samples[:-1]), "val": tuple(samples[-1:])}
    return Listing({split: found for split, found in splits.items() if found}, "boxes", classes, root)


def assert_same(first: Listing, second: Listing, *, ignored: bool = True) -> None:
    """The same boxes in the same images, in order; `ignored`: whether those that are ignored are there too."""
    assert first.splits.keys() == second.splits.keys()
    for split, samples in first.splits.items():
        again = {sample.name.rpartition("/")[2]: sample.target for sample in second.splits[split]}
        assert again.keys() == {sample.name.rpartition("/")[2] for sample in samples}
        for sample in samples:
            old, new = sample.target, again[sample.name.rpartition("/")[2]]
            assert isinstance(old, Boxes)
            assert isinstance(new, Boxes)
            kept = np.ones(len(old), np.bool) if ignored else ~old.ignored
            assert [first.classes[i] for i in old.labels[kept]] == [second.classes[i] for i in new.labels]
            assert np.abs(old.corners[kept] - new.corners).max(initial=0) <= NEAR
            assert old.ignored[kept].tolist() == new.ignored.tolist()


@st.composite
def boxes(draw: st.DrawFn) -> Boxes:
    """Any in an image of 80×60, not narrower than a hundredth of a pixel; the first is large."""
    coordinate = st.floats(0, 1, width=32)
    count = draw(st.integers(0, 4))
    corners = [[0.25, 0.25, 79.5, 59.5]] if count else []
    for _ in range(count - 1):
        x, y, w, h = (draw(coordinate) for _ in range(4))
        x1, y1 = x * (boxed.WIDTH - 0.01), y * (boxed.HEIGHT - 0.01)
        corners.append([x1, y1, x1 + 0.01 + w * (79.99 - x1), y1 + 0.01 + h * (59.99 - y1)])
    limits = [boxed.WIDTH, boxed.HEIGHT] * 2
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    return Boxes.of(
        np.minimum(corners, limits) if corners else [],
        labels,
        draw(st.lists(st.booleans(), min_size=count, max_size=count)),
    )


@pytest.mark.parametrize("to", WRITERS)
@given(targets=st.lists(boxes(), min_size=3, max_size=3))
@settings(max_examples=25, deadline=None)
def test_any_boxes_in_any_format(to: Written, targets: list[Boxes]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        listing = listing_of(
            root / "源", [Boxes.of([[1, 2, 3, 4]] * 2, [0, 1]), *targets[1:]], ["图 一.png", "b.PNG", "c.jpg"]
        )
        notes = write_boxes(listing, to, root / "out", "link")
        again = read(root / "out")
        assert_same(listing, again, ignored=to != "yolo")
        assert again.classes == CLASSES if to in ("coco", "yolo") else set(again.classes) == set(CLASSES)
        ignored = sum(
            int(s.target.ignored.sum())
            for found in listing.splits.values()
            for s in found
            if isinstance(s.target, Boxes)
        )
        assert bool(notes) == (to == "yolo" and ignored > 0)


@pytest.mark.parametrize("first", WRITERS)
@pytest.mark.parametrize("second", WRITERS)
def test_from_each_format_to_each(tmp_path: Path, first: Written, second: Written) -> None:
    listing = listing_of(
        tmp_path / "a",
        [Boxes.of([[1.5, 2.25, 30, 40.125], [0, 0, 80, 60]], [0, 1]), Boxes.of([], [])],
        ["x.png", "y.png"],
    )
    write_boxes(listing, first, tmp_path / "b")
    write_boxes(read(tmp_path / "b"), second, tmp_path / "c")
    assert_same(listing, read(tmp_path / "c"))


def test_every_format_that_can_be_asked_for_is_there() -> None:
    assert set(WRITERS) == set(get_args(Written))


@pytest.mark.parametrize("to", WRITERS)
def test_images_are_copied_and_stay_where_they_are(tmp_path: Path, to: Written) -> None:
    listing = listing_of(tmp_path / "a", [Boxes.of([[0, 0, 8, 8]], [0])], ["x.png"])
    before = (tmp_path / "a" / "x.png").read_bytes()
    write_boxes(listing, to, tmp_path / "copy")
    write_boxes(listing, to, tmp_path / "link", "link")
    write_boxes(listing, to, tmp_path / "none", "none")
    (copy,), (link,), none = (list((tmp_path / name).rglob("*.png")) for name in ("copy", "link", "none"))
    assert copy.read_bytes() == link.read_bytes() == (tmp_path / "a" / "x.png").read_bytes() == before
    assert (copy.is_symlink(), link.is_symlink(), none) == (False, True, [])


@pytest.mark.parametrize("to", ["coco", "csv"])
def test_annotations_alone_name_the_images_as_the_source_does(tmp_path: Path, to: Written) -> None:
    """Put into the source, they are read as it is."""
    listing = listing_of(
        tmp_path / "a", [Boxes.of([[0, 0, 8, 8]], [0]), Boxes.of([[0, 0, 8, 8]], [1])], ["p/x.png", "q/x.png"]
    )
    write_boxes(listing, to, tmp_path / "out", "none")
    for path in (tmp_path / "out").iterdir():
        path.rename(tmp_path / "a" / path.name)
    again = read(tmp_path / "a")
    assert {s.name: s.target for found in again.splits.values() for s in found}.keys() == {"p/x.png", "q/x.png"}


@pytest.mark.parametrize("to", WRITERS)
def test_images_of_one_name_get_several(tmp_path: Path, to: Written) -> None:
    names = ["p/x.png", "q/x.png", "q/X.jpg", "q_x.bmp", "z.png"]
    targets = [Boxes.of([[0, 0, index + 1, 5]], [0]) for index in range(5)]
    listing = listing_of(tmp_path / "a", targets, names, ("cat",))
    write_boxes(listing, to, tmp_path / "out")
    again = read(tmp_path / "out")
    widths = {
        s.name.rpartition("/")[2]: s.target.corners[0, 2] for s in again.splits["train"] if isinstance(s.target, Boxes)
    }
    assert sorted(widths.values()) == [1, 2, 3, 4]


def test_what_a_format_cannot_say_is_said(tmp_path: Path) -> None:
    listing = listing_of(tmp_path / "a", [Boxes.of([[0, 0, 8, 8]] * 2, [0, 0], [True, False])], ["x.png"])
    lost = "lists no classes: 1 without a box are not in it, it's: a #1"
    assert lost in write_boxes(listing, "voc", tmp_path / "voc")[0]
    assert lost in write_boxes(listing, "csv", tmp_path / "csv")[0]
    assert write_boxes(listing, "coco", tmp_path / "coco") == []
    (note,) = write_boxes(listing, "yolo", tmp_path / "yolo")
    assert note.startswith(
        "YOLO cannot mark crowds and difficult objects: 1 ignored box left out, what they show counts"
    )


def test_coco_keeps_areas_and_shortest_decimals(tmp_path: Path) -> None:
    listing = listing_of(tmp_path / "a", [Boxes.of([[10.1, 0, 20.3, 8]], [1], areas=[33.3])], ["x.png"])
    write_boxes(listing, "coco", tmp_path / "out")
    content = json.loads((tmp_path / "out" / "annotations" / "instances_val.json").read_text())
    (annotation,) = content["annotations"]
    assert (annotation["bbox"], annotation["area"], annotation["category_id"]) == ([10.1, 0, 10.2, 8], 33.3, 2)
    assert content["categories"][1] == {"id": 2, "name": CLASSES[1]}


def test_pycocotools_reads_what_is_written(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    boxes = Boxes.of([[10, 0, 20, 8], [1, 2, 3, 4]], [1, 0], [False, True])
    write_boxes(listing_of(tmp_path / "a", [boxes], ["x.png"]), "coco", tmp_path / "out")
    found = coco.COCO(tmp_path / "out" / "annotations" / "instances_val.json")
    assert [a["bbox"] for a in found.loadAnns(found.getAnnIds())] == [[10, 0, 10, 8], [1, 2, 2, 2]]
    assert found.getAnnIds(iscrowd=True) == [2]
    assert [c["name"] for c in found.loadCats(found.getCatIds())] == list(CLASSES)


def test_voc_counts_pixels_from_one(tmp_path: Path) -> None:
    listing = listing_of(tmp_path / "a", [Boxes.of([[0, 4, 80, 59.5]], [0], [True])], ["x.png"])
    write_boxes(listing, "voc", tmp_path / "out")
    text = (tmp_path / "out" / "Annotations" / "x.xml").read_text(encoding="utf-8")
    for part in ("<xmin>1<", "<ymin>5<", "<xmax>80<", "<ymax>59.5<", "<difficult>1<", "<name>猫 猫<", "<width>80<"):
        assert part in text


def test_what_cannot_be_written(tmp_path: Path) -> None:
    boxes = Boxes.of([[0, 0, 8, 8]], [0])
    with pytest.raises(DataError, match=r"Class 'null' would be taken for a missing label in a table\. Rename it"):
        write_boxes(listing_of(tmp_path, [boxes], ["x.png"], ("null",)), "csv", tmp_path / "out")
    with pytest.raises(DataError, match=r"a name with a line break or another control character\. Rename it"):
        write_boxes(listing_of(tmp_path, [boxes], ["x\n.png"]), "voc", tmp_path / "out")
    with pytest.raises(DataError, match="x is an image in memory; expected one in a file"):
        write_boxes(Listing({"train": (Sample(None, boxes, "x"),)}, "boxes", ("a",)), "voc", tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"x\.png could not be written: Not a directory"):
        write_boxes(listing_of(tmp_path, [boxes], ["x.png"]), "voc", tmp_path / "file")
