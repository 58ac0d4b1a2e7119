"""Pascal VOC: pixels counted from 1, image sets, difficult objects."""

from pathlib import Path

import pytest

import boxed
from boxed import voc_object, voc_xml
from plusx.core.errors import DataError
from plusx.core.targets import Boxes
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "bccd"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")


def annotated(root: Path, objects: str) -> Path:
    """The usual data set, with other objects in a.png."""
    (boxed.voc(root) / "Annotations" / "a.xml").write_text(voc_xml(objects), encoding="utf-8")
    return root


def image_sets(root: Path, **stems: str) -> Path:
    folder = root / "ImageSets" / "Main"
    folder.mkdir(parents=True)
    for name, text in stems.items():
        (folder / f"{name}.txt").write_text(text)
    return root


def test_pixels_are_counted_from_one_and_belong_to_the_box(tmp_path: Path) -> None:
    listing = read(annotated(tmp_path, voc_object("猫", (1, 1, 80, 60)) + voc_object("猫", (5, 6, 5, 6))))
    assert boxed.found(listing)["a.png"] == [("猫", (0, 0, 80, 60)), ("猫", (4, 5, 5, 6))]


def test_difficult_objects_are_ignored(tmp_path: Path) -> None:
    objects = voc_object("cat", (1, 1, 5, 5), "<difficult>1</difficult>") + voc_object("cat", (2, 2, 6, 6))
    target = read(annotated(tmp_path, objects)).splits["train"][0].target
    assert isinstance(target, Boxes)
    assert target.ignored.tolist() == [True, False]


def test_parts_of_objects_are_no_objects(tmp_path: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    assert boxed.found(read(annotated(tmp_path, voc_object("cat", (1, 1, 5, 5), part))))["a.png"] == [
        ("cat", (0, 0, 5, 5))
    ]


def test_splits_are_those_of_the_image_sets(tmp_path: Path) -> None:
    root = image_sets(boxed.voc(tmp_path / "VOCdevkit" / "VOC2007"), train="a\n\n", val="c\n", cat_train="b  1\n")
    listing = read(tmp_path / "VOCdevkit")
    assert listing.root == root
    assert {split: [s.name for s in samples] for split, samples in listing.splits.items()} == {
        "train": ["JPEGImages/a.png"],
        "val": ["JPEGImages/c.png"],
    }
    assert listing.notes == ("1 image in no file of ImageSets/Main left out: b",)


def test_trainval_where_there_is_no_train(tmp_path: Path) -> None:
    listing = read(image_sets(boxed.voc(tmp_path), trainval="a\nb\n", test="c\n"))
    assert {split: len(samples) for split, samples in listing.splits.items()} == {"train": 2, "test": 1}


def test_an_image_of_a_set_without_annotations(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"train\.txt, line 2: 'z' has no file z\.xml in Annotations\. Add it \(without"
    ):
        read(image_sets(boxed.voc(tmp_path), train="a\nz\n"))


def test_an_image_in_two_sets(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"val\.txt, line 1: 'a' is in train as well; keep it in one split"):
        read(image_sets(boxed.voc(tmp_path), train="a\n", val="a\n"))


def test_xml_beside_the_images_of_each_split(tmp_path: Path) -> None:
    for split in ("train", "test"):
        folder = boxed.pictures(tmp_path / split, "图 1.png")
        (folder / "图 1.xml").write_text(voc_xml(voc_object("cat", (1, 1, 5, 5)), (0, 0)), encoding="utf-8")
    listing = read(tmp_path)
    assert [listing.splits[split][0].name for split in ("train", "test")] == ["train/图 1.png", "test/图 1.png"]


def test_images_without_a_file_may_hold_objects_and_are_no_negatives(tmp_path: Path) -> None:
    boxed.pictures(boxed.voc(tmp_path) / "JPEGImages", "new.png")
    listing = read(tmp_path)
    assert listing.notes == ("1 image without an annotation file left out: JPEGImages/new.png",)
    assert "new.png" not in boxed.found(listing)


def test_masks_of_the_same_names_are_not_the_images(tmp_path: Path) -> None:
    boxed.pictures(boxed.voc(tmp_path) / "SegmentationClass", "a.png", "b.png", "c.png")
    (tmp_path / "JPEGImages" / "b.png").unlink()
    assert [sample.name for sample in read(tmp_path).splits["train"]] == ["JPEGImages/a.png", "JPEGImages/c.png"]


def test_annotations_without_an_image(tmp_path: Path) -> None:
    (boxed.voc(tmp_path) / "JPEGImages" / "b.png").unlink()
    assert read(tmp_path).notes == ("1 of 3 annotated images are not there: b; left out",)
    with pytest.raises(DataError, match=r"1 of 3 annotated images are not there: b\. Looked in .*missing-files skip"):
        read(tmp_path, ReadOptions(missing_files="error"))


@pytest.mark.parametrize(
    ("objects", "text"),
    [
        (
            voc_object("cat", (9, 5, 7, 6)),
            r"a\.xml, object 1 \(cat\): xmin, ymin, xmax, ymax = 9, 5, 7, 6: the corners",
        ),
        (voc_object("cat", (9, 5, 8, 6)), r"= 9, 5, 8, 6: the box has no area"),
        (voc_object("cat", (81, 5, 90, 6)), r"= 81, 5, 90, 6: the box lies wholly outside of the image, 80×60"),
        ("<object><name>cat</name></object>", r"a\.xml, object 1 \(cat\): <xmin> is None; expected a number of pixels"),
        (voc_object("", (1, 1, 2, 2)), r"a\.xml, object 1: it has no <name>\. Write its class there"),
        ("<object>", r"a\.xml is no readable XML: mismatched tag"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, objects: str, text: str) -> None:
    with pytest.raises(DataError, match=text):
        read(annotated(tmp_path, objects))


def test_coordinates_that_count_from_zero_are_clipped_with_a_note(tmp_path: Path) -> None:
    listing = read(annotated(tmp_path, voc_object("cat", (0, 0, 9, 9))))
    assert boxed.found(listing)["a.png"] == [("cat", (0, 0, 9, 9))]
    assert listing.notes[0].startswith("1 box clipped to the image, over whose edge they reach: ")


def test_another_size_than_the_file_says(tmp_path: Path) -> None:
    (boxed.voc(tmp_path) / "Annotations" / "a.xml").write_text(voc_xml("", (40, 30)))
    with pytest.raises(DataError, match=r"a\.xml: JPEGImages/a\.png is said to be 40×30 pixels, but is 80×60"):
        read(tmp_path)


@needs_shared
def test_real_data() -> None:
    listing = read(SHARED)
    counts = {split: len(samples) for split, samples in listing.splits.items()}
    assert (counts, listing.classes) == ({"train": 205, "val": 87, "test": 72}, ("Platelets", "RBC", "WBC"))
    assert listing.notes == ()
    assert sum(len(rows) for split in counts for rows in boxed.found(listing, split).values()) == 4888
