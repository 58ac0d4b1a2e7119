"""YOLO's text: data.yaml as people have it, and label files."""

from pathlib import Path

import pytest
from PIL import Image

import boxed
from plusx.core.errors import DataError
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read


def about(root: Path, text: str) -> Path:
    """The usual data set with another data.yaml."""
    (boxed.yolo(root) / "data.yaml").write_text(text, encoding="utf-8")
    return root


def labelled(root: Path, text: str) -> Path:
    """With other labels of a.png."""
    (boxed.yolo(root) / "labels" / "train" / "a.txt").write_text(text)
    return root


@pytest.mark.parametrize(
    "names",
    ["names: [cat, 'dog']", "names:\n- cat\n- dog", "names: {0: cat, 1: dog}", 'nc: 2\nnames: ["cat",\n  "dog"]'],
)
@pytest.mark.parametrize("train", ["images/train", "../images/train", "./images/train/", "images"])
def test_data_files_as_people_have_them(tmp_path: Path, names: str, train: str) -> None:
    listing = read(about(tmp_path, f"# mine\ntrain: {train}  # here\n{names}\nroboflow:\n  workspace: a\n"))
    assert listing.classes == ("cat", "dog")
    assert len(boxed.found(listing)["a.png"]) == 2


def test_splits_each_with_its_labels(tmp_path: Path) -> None:
    """Roboflow's: train/images beside train/labels, and a path from elsewhere."""
    for split in ("train", "valid"):
        boxed.pictures(tmp_path / split / "images", "图 1.png")
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / "图 1.txt").write_text("0 .5 .5 1 1\n")
    text = "path: /elsewhere\ntrain: ../train/images\nval: ../valid/images\nnames: [猫]\n"
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    listing = read(tmp_path / "data.yaml")
    assert boxed.found(listing, "val") == {"图 1.png": [("猫", (0, 0, 80, 60))]}
    assert [sample.name for sample in listing.splits["train"]] == ["train/images/图 1.png"]


def test_a_list_of_images(tmp_path: Path) -> None:
    root = about(tmp_path, "train: train.txt\nnames: [cat, dog]\n")
    (root / "train.txt").write_text("./images/train/b.png\nimages/train/a.png\n")
    assert sorted(boxed.found(read(root))) == ["a.png", "b.png"]
    (root / "train.txt").write_text("images/train/b.png\nimages/train/z.png\n")
    with pytest.raises(DataError, match=r"train\.txt: 1 of 2 images are not there: .*z\.png\. Correct the paths"):
        read(root)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("train: images/train\nnames:\n  0: cat\n  2: dog\n", r"names are numbered 0, 2; expected 0 to 1"),
        ("train: images/train\nnames: cat\n", r"names is 'cat'; expected a list of class names, or `0: name`"),
        ("train: images/train\nnames: [cat, cat]\n", r"two classes are called 'cat'; rename one"),
        ("train: images/train\nnc: 3\nnames: [cat, dog]\n", r"nc is 3, but there are 2 names"),
        (
            "train: images/tarin\nnames: [cat, dog]\n",
            r"train is 'images/tarin', but .*images/tarin does not exist\. Co",
        ),
    ],
)
def test_data_files_that_cannot_be_followed(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(DataError, match=error):
        read(about(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("0 .5 .5 .1", r"a\.txt, line 2: 4 columns; expected 5, class x_center, y_center, width, height"),
        ("0 .5 .5 .1 .1 1.1", r"line 2: 6 columns, the last 1\.1; expected 5, .*or a score 0 to 1"),
        ("0 .5 .5 .1 .1 nan", r"line 2: 6 columns, the last nan; expected 5"),
        ("0 .1 .1 .2 .1 .2 .2", r"line 2: 7 columns; expected 5, .*\(outlines of masks are not understood here\)"),
        ("x .5 .5 .1 .1", r"line 2: 'x .5 .5 .1 .1'; expected five numbers"),
        ("2 .5 .5 .1 .1", r"line 2: class 2 is not declared; names has 0 to 1"),
        ("0.5 .5 .5 .1 .1", r"line 2: class 0.5 is not declared"),
        ("0 40 30 8 6", r"line 2: .* = 40, 30, 8, 6; expected shares of the image's width and height, 0 to 1"),
        (
            "0 .5 .5 0 .1",
            r"a\.txt, line 2 \(cat\): x_center, y_center, width, height = 0\.5, 0\.5, 0, 0\.1: the box has no",
        ),
        ("0 .5 nan .1 .1", r"line 2 \(cat\): .* = 0\.5, nan, 0\.1, 0\.1: not finite"),
        ("0 .5 .5 -.1 .1", r"line 2 \(cat\): .*: the corners are swapped"),
        ("0 1.2 .5 .1 .1", r"line 2 \(cat\): .*: the box lies wholly outside of the image, 80×60"),
    ],
)
def test_labels_that_are_wrong_are_named(tmp_path: Path, line: str, error: str) -> None:
    with pytest.raises(DataError, match=error):
        read(labelled(tmp_path, f"1 .5 .5 1 1\n{line}\n"))


def test_labels_beside_the_images(tmp_path: Path) -> None:
    """Also where a folder further up is called images."""
    root = boxed.pictures(tmp_path / "images" / "mine", "a.png")
    (root / "a.txt").write_text("0 .5 .5 1 1\n")
    (root / "data.yaml").write_text("train: .\nnames: [cat]\n")
    assert boxed.found(read(root)) == {"a.png": [("cat", (0, 0, 80, 60))]}


def test_pictures_that_exif_turns_are_named(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (80, 60)).save(boxed.yolo(tmp_path) / "images" / "train" / "b.png", exif=exif)
    listing = read(tmp_path)
    assert boxed.found(listing)["b.png"] == [("dog", pytest.approx((30, 6.667, 45, 33.333), abs=1e-3))]
    (note,) = listing.notes
    assert note.startswith(
        "1 image turned by EXIF orientation, the boxes are taken to be drawn on the upright picture:"
    )


def test_an_empty_label_file_is_an_image_without_objects(tmp_path: Path) -> None:
    assert boxed.found(read(labelled(tmp_path, "\n")))["a.png"] == []


def test_no_label_file_at_all(tmp_path: Path) -> None:
    for path in (boxed.yolo(tmp_path) / "labels" / "train").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"none of the 3 train images has a label file, e\.g\. .*labels/train/a\.txt"):
        read(tmp_path)


def test_labels_without_an_image(tmp_path: Path) -> None:
    (boxed.yolo(tmp_path) / "labels" / "train" / "z.txt").write_text("0 .5 .5 1 1\n")
    assert read(tmp_path).notes == ("1 of 3 annotated images are not there: z.txt; left out",)
    with pytest.raises(DataError, match=r"annotated images are not there: z\.txt\. "):
        read(tmp_path, ReadOptions(missing_files="error"))
