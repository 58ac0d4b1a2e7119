"""Class folders as they come from downloads, cameras, archives and other people."""

import os
from collections import Counter
from pathlib import Path

import pytest

from plusx.core.errors import DataError
from plusx.core.sample import Listing
from plusx.core.targets import Label
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")


def tree(root: Path, *paths: str) -> Path:
    """Empty files: listing never opens them."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def described(listing: Listing) -> dict[str, dict[str, str]]:
    """split → name → class."""
    return {
        split: {s.name: listing.classes[s.target.index] for s in samples if isinstance(s.target, Label)}
        for split, samples in listing.splits.items()
    }


def test_without_splits(tmp_path: Path) -> None:
    listing = read(tree(tmp_path, "dog/2.PNG", "cat/1.jpg", "cat/3.jpeg"))
    assert described(listing) == {"train": {"cat/1.jpg": "cat", "cat/3.jpeg": "cat", "dog/2.PNG": "dog"}}
    assert listing.classes == ("cat", "dog")
    assert (listing.kind, listing.format, listing.root, listing.notes) == ("label", "folders", tmp_path, ())
    assert listing.splits["train"][0].image == tmp_path / "cat" / "1.jpg"


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Training", "Validation", "Testing"),
        ("TRAIN", "valid", "Test"),
        ("训练集", "dev", "测试集"),
    ],
)
def test_spellings_of_splits(tmp_path: Path, train: str, val: str, test: str) -> None:
    tree(tmp_path, f"{train}/a/1.jpg", f"{train}/b/2.jpg", f"{val}/a/3.jpg", f"{test}/b/4.jpg")
    splits = {split: list(found.values()) for split, found in described(read(tmp_path)).items()}
    assert splits == {"train": ["a", "b"], "val": ["a"], "test": ["b"]}


def test_a_path_as_text(tmp_path: Path) -> None:
    tree(tmp_path, "cat/1.jpg", "dog/2.jpg")
    assert read(str(tmp_path)).splits == read(tmp_path).splits


def test_only_a_test_folder(tmp_path: Path) -> None:
    assert list(read(tree(tmp_path, "test/a/1.jpg", "test/b/2.jpg")).splits) == ["test"]


def test_a_class_called_train(tmp_path: Path) -> None:
    listing = read(tree(tmp_path, "train/1.jpg", "bus/2.jpg", "car/3.jpg"))
    assert listing.classes == ("bus", "car", "train")


def test_class_only_in_validation_is_kept(tmp_path: Path) -> None:
    listing = read(tree(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "val/c/3.jpg"))
    assert listing.classes == ("a", "b", "c")
    assert described(listing)["val"] == {"val/c/3.jpg": "c"}


def test_natural_order_over_all_splits(tmp_path: Path) -> None:
    assert read(tree(tmp_path, "train/10/1.jpg", "train/9/2.jpg", "val/1/3.jpg")).classes == ("1", "9", "10")


def test_empty_class_folder_is_a_class_without_images(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    listing = read(tree(tmp_path, "a/1.jpg", "b/1.jpg"))
    assert listing.classes == ("a", "b", "empty")


def test_what_is_no_image_is_left_out_and_counted(tmp_path: Path) -> None:
    tree(
        tmp_path, "a/1.jpg", "b/1.jpg", "a/Thumbs.db", "a/.DS_Store", "b/notes.txt", "b/x.heic", "b/y.heic", "b/README"
    )
    tree(tmp_path, ".cache/c/1.jpg", "__MACOSX/a/1.jpg", "annotations/1.xml", "loose.jpg")
    listing = read(tmp_path)
    assert listing.classes == ("a", "b")
    assert listing.notes == (
        "folders without an image are no classes: annotations",
        "1 image outside of the class folders left out",
        "left out what is no image: 5 files (2 .heic, 1 .txt, 1 .xml, 1 no suffix)",
    )


def test_nested_folders_belong_to_their_class(tmp_path: Path) -> None:
    listing = read(tree(tmp_path, "fruit/apple/1.jpg", "fruit/2.jpg", "nut/3.jpg"))
    assert described(listing)["train"] == {
        "fruit/2.jpg": "fruit",
        "fruit/apple/1.jpg": "fruit",
        "nut/3.jpg": "nut",
    }
    assert listing.notes == ("folders inside of class folders belong to the class: fruit/apple",)


def test_data_set_in_a_folder_of_its_own(tmp_path: Path) -> None:
    listing = read(tree(tmp_path, "flowers/photos/train/a/1.jpg", "flowers/photos/train/b/1.jpg"))
    assert listing.classes == ("a", "b")
    assert listing.splits["train"][0].name == "flowers/photos/train/a/1.jpg"
    assert listing.notes == ("the data set stands in the folder flowers/photos",)


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    tree(tmp_path / "elsewhere", "cats/1.jpg")
    root = tree(tmp_path / "data", "dog/1.jpg")
    (root / "cat").symlink_to(tmp_path / "elsewhere" / "cats")
    (root / "dog" / "again").symlink_to(root / "dog")
    (root / "dog" / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    listing = read(root)
    assert described(listing)["train"] == {"cat/1.jpg": "cat", "dog/1.jpg": "dog"}
    assert "left out what is no image: 1 file (1 .jpg)" in listing.notes


def test_names_in_other_scripts_and_in_no_encoding(tmp_path: Path) -> None:
    tree(tmp_path, "猫/写真 1.jpg", "cafe\u0301/1.jpg", "caf\u00e9/2.jpg", os.fsdecode(b"dog/caf\xe9.jpg"))
    listing = read(tmp_path)
    assert listing.classes == ("caf\u00e9", "dog", "猫")
    assert "dog/caf\\xe9.jpg" in described(listing)["train"]
    assert all(isinstance(s.image, Path) and s.image.exists() for s in listing.splits["train"])


def test_given_classes_and_their_order(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.jpg", "b/1.jpg")
    assert described(read(tmp_path, ReadOptions(classes=("b", "x", "a"))))["train"] == {"a/1.jpg": "a", "b/1.jpg": "b"}
    with pytest.raises(DataError, match=r"b/1\.jpg: class 'b' is not among the 2 known classes \(a, c\)"):
        read(tmp_path, ReadOptions(classes=("a", "c")))


def test_one_class_is_enough_to_evaluate_a_model(tmp_path: Path) -> None:
    listing = read(tree(tmp_path, "b/1.jpg"), ReadOptions(classes=("a", "b")))
    assert listing.splits["train"][0].target == Label(1)


def test_groups_by_pattern(tmp_path: Path) -> None:
    tree(tmp_path, "a/p1_1.jpg", "a/p1_2.jpg", "b/p2_1.jpg", "b/other.jpg")
    listing = read(tmp_path, ReadOptions(group_pattern=r"^(p\d+)_"))
    assert [s.group for s in listing.splits["train"]] == ["p1", "p1", None, "p2"]
    assert listing.notes == (r"group_pattern '^(p\\d+)_': 2 groups in 3 of 4 images",)
    with pytest.raises(DataError, match=r"group_pattern 'zzz' matches none of the 4 file names, e\.g\. 'a/p1_1\.jpg'"):
        read(tmp_path, ReadOptions(group_pattern="zzz"))


def test_option_without_effect_is_said(tmp_path: Path) -> None:
    listing = read(tree(tmp_path, "a/1.jpg", "b/1.jpg"), ReadOptions(label_column="label"))
    assert listing.notes == ("label_column has no effect on folders",)


def test_validation_data_from_another_folder(tmp_path: Path) -> None:
    tree(tmp_path / "one", "a/1.jpg", "b/1.jpg")
    tree(tmp_path / "two", "b/2.jpg", "c/2.jpg")
    listing = read(tmp_path / "one", ReadOptions(validation_data=tmp_path / "two"))
    assert described(listing) == {"train": {"a/1.jpg": "a", "b/1.jpg": "b"}, "val": {"b/2.jpg": "b", "c/2.jpg": "c"}}
    with pytest.raises(DataError, match="validation_data is given, but the data set already has a validation split"):
        read(tree(tmp_path / "three", "train/a/1.jpg", "val/b/1.jpg"), ReadOptions(validation_data=tmp_path / "two"))


def test_empty_folder(tmp_path: Path) -> None:
    text = rf"{tmp_path} holds no images\. Expected class folders: DATA/cat/1\.jpg.*table .*Boxes: .*; masks: "
    with pytest.raises(DataError, match=text):
        read(tmp_path)
    with pytest.raises(DataError, match=r"holds no images \(other files: 1 \.txt\)\. Expected class folders"):
        read(tree(tmp_path, "a/x.txt"))


def test_images_without_class_folders(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"holds 2 images but no class folders\. Expected class folders: DATA/cat/1\.jpg"
    ):
        read(tree(tmp_path, "1.jpg", "2.jpg"))


def test_one_class(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"holds 2 images in the one class folder 'cat'; at least two classes are needed"
    ):
        read(tree(tmp_path, "cat/1.jpg", "cat/2.jpg"))


def test_two_classes_up_to_case(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Two classes have the same name up to case: 'Cat' \(1 image\) and 'cat' \(2"):
        read(tree(tmp_path, "Cat/1.jpg", "cat/1.jpg", "cat/2.jpg"))


def test_two_folders_for_one_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the folders 'val' and 'validation' both mean the val split; keep one"):
        read(tree(tmp_path, "train/a/1.jpg", "val/a/1.jpg", "validation/a/1.jpg"))


def test_nothing_is_written(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.jpg", "b/1.jpg")
    before = sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*"))
    read(tmp_path)
    assert sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")) == before


@needs_shared
def test_real_folders() -> None:
    clothing = read(SHARED / "clothing")
    assert {split: len(samples) for split, samples in clothing.splits.items()} == {
        "train": 600,
        "val": 120,
        "test": 120,
    }
    assert len(clothing.classes) == 10
    fruits = read(SHARED / "fruits360")  # Training/Apple/Apple 10/…
    assert fruits.classes == ("Apple", "Cherry", "Tomato")
    assert Counter(fruits.splits.keys()) == {"train": 1, "test": 1}
