"""What holds for boxes of every format: the same boxes read alike, what is none is refused, what is outside clipped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import boxed
from plusx.core.errors import DataError
from plusx.core.targets import Boxes
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read

EXAMPLES: dict[str, Callable[[Path], Path]] = {
    "coco": boxed.coco,
    "voc": boxed.voc,
    "yolo": boxed.yolo,
    "table of boxes": boxed.table,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_one_data_set_in_every_format_gives_the_same_boxes(tmp_path: Path, name: str) -> None:
    listing = read(EXAMPLES[name](tmp_path))
    assert (listing.format, listing.kind, listing.classes) == (name, "boxes", ("cat", "dog"))
    seen = boxed.found(listing)
    assert {image: [one for one, _ in rows] for image, rows in seen.items()} == {
        image: [one for one, _ in rows] for image, rows in boxed.ROWS.items()
    }
    for image, rows in boxed.ROWS.items():
        for (_, expected), (_, corners) in zip(rows, seen[image], strict=True):
            np.testing.assert_allclose(corners, expected, atol=1e-4)


@pytest.mark.parametrize("name", EXAMPLES)
def test_boxes_are_not_taken_for_classes_or_numbers(tmp_path: Path, name: str) -> None:
    source = EXAMPLES[name](tmp_path)
    if name == "table of boxes":  # its columns may be read as anything
        listing = read(source, ReadOptions(kind="label"))
        assert (listing.format, listing.kind) == ("tables", "label")
        return
    with pytest.raises(DataError, match=rf"The labels \({name}\) are boxes, not of kind 'label' as the task needs"):
        read(source, ReadOptions(kind="label"))


def test_labels_that_are_no_boxes_where_boxes_are_needed(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        boxed.pictures(tmp_path / name, "1.png")
    with pytest.raises(DataError, match=r"The labels \(folders\) are no boxes, as the task needs\. Expected COCO, "):
        read(tmp_path, ReadOptions(kind="boxes"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_classes_of_a_model_are_obeyed_and_others_refused(tmp_path: Path, name: str) -> None:
    source = EXAMPLES[name](tmp_path)
    assert read(source, ReadOptions(classes=("dog", "bird", "cat"))).classes == ("dog", "bird", "cat")
    with pytest.raises(DataError, match=r"\(dog\): .*: class 'dog' is not among the 2 known classes \(cat, bird\)"):
        read(source, ReadOptions(classes=("cat", "bird")))


@pytest.mark.parametrize("first", EXAMPLES)
@pytest.mark.parametrize("second", EXAMPLES)
def test_a_second_source_to_validate_on(tmp_path: Path, first: str, second: str) -> None:
    sources = [EXAMPLES[name](tmp_path / place) for place, name in (("a", first), ("b", second))]
    listing = read(sources[0], ReadOptions(validation_data=sources[1]))
    assert (listing.classes, listing.kind) == (("cat", "dog"), "boxes")
    assert [len(listing.splits[split]) for split in ("train", "val")] == [3, 3]


def test_a_second_source_without_boxes(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        boxed.pictures(tmp_path / "b" / name, "1.png")
    with pytest.raises(DataError, match="labels of one source are of kind 'boxes', those of the other of kind 'label'"):
        read(boxed.coco(tmp_path / "a"), ReadOptions(validation_data=tmp_path / "b"))


def csv(root: Path, *lines: str) -> Path:
    """Boxes of a.png."""
    boxed.pictures(root, "a.png", "b.png")
    rows = [line if line.count(",") == 5 else f"a.png,{line},cat" for line in lines]
    (root / "boxes.csv").write_text("\n".join(["image,x1,y1,x2,y2,label", *rows]) + "\n")
    return root / "boxes.csv"


@pytest.mark.parametrize(
    ("box", "what"),
    [
        ("5,5,5,9", r"x1, y1, x2, y2 = 5, 5, 5, 9: the box has no area"),
        ("5,9,8,9", r"= 5, 9, 8, 9: the box has no area"),
        ("9,5,5,9", r"= 9, 5, 5, 9: the corners are swapped \(x2 < x1 or y2 < y1\)"),
        ("5,9,9,5", r"= 5, 9, 9, 5: the corners are swapped .*"),
        ("5,inf,9,9", r"= 5, inf, 9, 9: not finite"),
        ("80,5,90,9", r"= 80, 5, 90, 9: the box lies wholly outside of the image, 80×60 pixels"),
        ("5,-9,9,0", r"= 5, -9, 9, 0: the box lies wholly outside of the image.*"),
    ],
)
def test_what_is_no_box_is_named_and_what_to_do_as_well(tmp_path: Path, box: str, what: str) -> None:
    expected = rf"boxes\.csv, line 3 \(cat\): .*{what}\.\nCorrect it there, or leave the image out: --exclude FILE"
    with pytest.raises(DataError, match=expected):
        read(csv(tmp_path, "1,1,2,2", box))


def test_of_many_the_first_are_named_and_all_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2 (.|\n)*line 6 .*\n\.\.\. and 2 more\.\n") as caught:
        read(csv(tmp_path, *["5,5,5,9"] * 7))
    assert str(caught.value).count("no area") == 5


def test_images_that_will_be_left_out_may_hold_anything(tmp_path: Path) -> None:
    listing = read(csv(tmp_path, "5,5,5,9", "b.png,1,1,3,3,dog"), ReadOptions(exclude=frozenset({"a.png"})))
    assert boxed.found(listing) == {"b.png": [("dog", (1, 1, 3, 3))]}
    assert listing.classes == ("dog",)


def test_a_box_over_the_edge_is_clipped_with_a_note(tmp_path: Path) -> None:
    listing = read(csv(tmp_path, "-4,5,20,90", "1,1,80.005,9", "0,0,99,9", "1,2,3,4"))
    expected = [(0, 5, 20, 60), (1, 1, 80, 9), (0, 0, 80, 9), (1, 2, 3, 4)]
    assert [corners for _, corners in boxed.found(listing)["a.png"]] == expected
    note = listing.notes[-1]
    assert note.startswith("2 boxes clipped to the image, over whose edge they reach: ")
    assert "line 2 (cat): x1, y1, x2, y2 = -4, 5, 20, 90; " in note
    assert "line 4 (cat)" in note


def test_areas_of_clipped_boxes_are_those_of_what_is_left(tmp_path: Path) -> None:
    target = read(csv(tmp_path, "-4,0,20,10")).splits["train"][0].target
    assert isinstance(target, Boxes)
    assert target.areas.tolist() == [200]


def test_classes_that_differ_only_in_case(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"same name up to case: 'Cat' \(1 image\) and 'cat' \(1 image\)"):
        read(csv(tmp_path, "1,1,3,3", "b.png,1,1,3,3,Cat"))


def test_no_box_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"None of the 2 images has a box, and no class is declared\. Add boxes\."):
        read(csv(tmp_path, "a.png,,,,,", "b.png,,,,,"))


def test_an_image_that_cannot_be_read_is_left_to_the_audit(tmp_path: Path) -> None:
    source = csv(tmp_path, "1,1,3,3", "b.png,1,1,3,3,dog")
    (tmp_path / "a.png").write_bytes(b"no image")
    listing = read(source)
    assert list(boxed.found(listing)) == ["a.png", "b.png"]
    assert listing.notes[-1] == "1 image of unreadable size: a.png"


def test_the_same_box_twice_is_kept(tmp_path: Path) -> None:
    assert len(boxed.found(read(csv(tmp_path, "1,1,3,3", "1,1,3,3")))["a.png"]) == 2
