"""From what stands in a cell to the file that is meant."""

import os
from pathlib import Path

import pytest

from plusx.data.formats.files import ImageFiles


def made(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


@pytest.mark.parametrize(
    ("cell", "path"),
    [
        ("a.jpg", "a.jpg"),
        ("a", "a.jpg"),
        (" a.jpg ", "a.jpg"),
        ("images/b.png", "images/b.png"),
        ("b.png", "images/b.png"),
        ("b", "images/b.png"),
        ("images\\b.png", "images/b.png"),
        ("deep/c", "deep/c.jpg"),
        ("A.JPG", "a.jpg"),
        ("cafe\u0301", "caf\u00e9.jpg"),
        ("x.y", "x.y.jpg"),
        ("notes.txt", None),
        ("none", None),
        ("", None),
        ("http://host/a.jpg", None),
        ("\0", None),
    ],
)
def test_find(tmp_path: Path, cell: str, path: str | None) -> None:
    made(tmp_path, "a.jpg", "images/b.png", "deep/c.jpg", "caf\u00e9.jpg", "x.y.jpg", "notes.txt")
    found = ImageFiles(tmp_path).find(cell)
    assert found == (None if path is None else os.fspath(tmp_path / path))


def test_absolute_path_and_names(tmp_path: Path) -> None:
    made(tmp_path, "data/a.jpg", "elsewhere/b.jpg")
    files = ImageFiles(tmp_path / "data")
    elsewhere = os.fspath(tmp_path / "elsewhere" / "b.jpg")
    assert files.find(elsewhere) == elsewhere
    assert files.name_of(elsewhere) == elsewhere
    assert files.name_of(os.fspath(tmp_path / "data" / "a.jpg")) == "a.jpg"


def test_exact_case_comes_first(tmp_path: Path) -> None:
    made(tmp_path, "A.jpg", "a.jpg")
    files = ImageFiles(tmp_path)
    assert files.find("a.jpg") == os.fspath(tmp_path / "a.jpg")
    assert files.find("A.jpg") == os.fspath(tmp_path / "A.jpg")


def test_the_folder_that_has_most_comes_first(tmp_path: Path) -> None:
    made(tmp_path, "annotated/1.png", "photos/1.jpg", "photos/2.jpg", "masks/1.png")
    files = ImageFiles(tmp_path)
    assert files.prefer(["1", "2", None, "3"], None) == 2
    assert files.find("1") == os.fspath(tmp_path / "photos" / "1.jpg")


def test_the_folder_named_like_the_split_comes_first(tmp_path: Path) -> None:
    made(tmp_path, "train/1.jpg", "test/1.jpg")
    files = ImageFiles(tmp_path)
    files.prefer(["1.jpg"], "test")
    assert files.find("1.jpg") == os.fspath(tmp_path / "test" / "1.jpg")
    files.prefer(["1.jpg"], "train")
    assert files.find("1.jpg") == os.fspath(tmp_path / "train" / "1.jpg")


def test_folders_below_are_not_searched_unless_asked(tmp_path: Path) -> None:
    assert ImageFiles(made(tmp_path, "images/a.jpg"), below=False).find("a.jpg") is None
