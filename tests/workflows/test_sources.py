"""What users may name as images, and what they are told when it leads to none."""

import itertools
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plusx.core.errors import InputError
from plusx.workflows import sources
from plusx.workflows.sources import Named, Read, Unreadable, find_images, read_ahead


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """photos/: b.jpg, a.PNG, notes.txt, .hidden.png, cats/1.png, cats/deep/2.png, empty/."""
    root = tmp_path / "photos"
    (root / "cats" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    for name in ("b.jpg", "a.PNG", ".hidden.png", "cats/1.png", "cats/deep/2.png"):
        Image.new("RGB", (6, 4), (200, 30, 30)).save(root / name)
    (root / "notes.txt").write_text("no image")
    return root


def names(images: Any, root: Path | None = None) -> list[str]:
    found = [one.name for one in find_images(images)]
    return [os.path.relpath(name, root) for name in found] if root else found


class TestFolders:
    def test_are_searched_at_any_depth_in_order(self, folder: Path) -> None:
        expected = ["a.PNG", "b.jpg", "cats/1.png", "cats/deep/2.png"]
        assert names(folder, folder) == names(str(folder), folder) == names([folder], folder) == expected

    def test_without_an_image(self, folder: Path) -> None:
        with pytest.raises(InputError, match=r"empty: there is no image in this folder\. Expected files such as \.jpg"):
            names(folder / "empty")

    def test_names_begin_as_the_user_wrote_them(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder.parent)
        assert names("photos/cats") == ["photos/cats/1.png", "photos/cats/deep/2.png"]

    def test_are_not_read_before_they_are_needed(self, folder: Path) -> None:
        found = find_images(folder)
        next(found)
        (folder / "cats" / "0.png").write_bytes(b"")
        assert len(list(found)) == 4


class TestFiles:
    def test_any_suffix_is_taken(self, folder: Path) -> None:
        assert names(folder / "notes.txt", folder) == ["notes.txt"]

    def test_missing(self, folder: Path) -> None:
        with pytest.raises(InputError, match=r"c\.jpg: there is no such file or folder\. Check the path\."):
            names([str(folder / "c.jpg")])

    def test_missing_among_others_is_named_in_its_place(self, folder: Path) -> None:
        found = list(find_images([folder / "a.PNG", folder / "c.jpg", folder / "b.jpg"]))
        assert [isinstance(one, Unreadable) for one in found] == [False, True, False]
        assert found[1] == Unreadable(str(folder / "c.jpg"), "there is no such file or folder. Check the path.")

    def test_letters_of_patterns_and_other_scripts(self, folder: Path) -> None:
        for name in ("what[1]?.png", "http:玫瑰.png"):
            (folder / name).write_bytes((folder / "a.PNG").read_bytes())
            assert names(str(folder / name), folder) == [name]

    def test_a_name_that_is_no_text_can_be_printed(self, folder: Path) -> None:
        path = os.fsdecode(os.fsencode(folder) + b"/\xff.png")
        try:
            Path(path).write_bytes((folder / "a.PNG").read_bytes())
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
        assert names(path) == [f"{folder}/\\xff.png"]
        assert isinstance(next(read_ahead(find_images(path), "RGB", threads=0, ahead=1)), Read)


class TestPatterns:
    def test_are_sorted_and_recursive(self, folder: Path) -> None:
        assert names(f"{folder}/*.jpg", folder) == ["b.jpg"]
        assert names(f"{folder}/**/*.png", folder) == ["cats/1.png", "cats/deep/2.png"]

    def test_may_match_folders(self, folder: Path) -> None:
        assert names(f"{folder}/c*", folder) == ["cats/1.png", "cats/deep/2.png"]

    def test_without_a_match(self, folder: Path) -> None:
        with pytest.raises(InputError, match=r"\*\.webp: no file matches this pattern\."):
            names(f"{folder}/*.webp")


class TestAddresses:
    def test_of_files(self, folder: Path) -> None:
        spaced = folder / "with space.png"
        spaced.write_bytes((folder / "a.PNG").read_bytes())
        assert names(spaced.as_uri(), folder) == ["with space.png"]
        assert names(f"file:{folder}/a.PNG", folder) == ["a.PNG"]
        assert names(f"file://localhost{folder}/a.PNG", folder) == ["a.PNG"]

    @pytest.mark.parametrize(
        "url", ["http://a.b/c.jpg", "HTTPS://a.b/c.jpg", "s3://bucket/c.jpg", "data:image/png;base64,AA"]
    )
    def test_of_networks_are_refused(self, url: str) -> None:
        with pytest.raises(InputError, match=r"plusx opens no network address\. Download the image and give its path"):
            names(["a.jpg", url])

    def test_of_files_elsewhere_are_refused(self) -> None:
        with pytest.raises(InputError, match="a file on the host 'server' cannot be opened"):
            names("file://server/c.jpg")


class TestImagesInMemory:
    def test_are_numbered(self, folder: Path) -> None:
        array = np.zeros((5, 4, 3), np.uint8)
        stack = np.zeros((2, 5, 4, 3), np.uint8)
        images = [array, folder / "a.PNG", stack, [array[:, :, 0]], Image.new("L", (3, 3))]
        expected = ["image[0]", str(folder / "a.PNG"), "image[1]", "image[2]", "image[3]", "image[4]"]
        assert names(images) == expected
        read = list(read_ahead(find_images(images), "RGB", threads=0, ahead=1))
        assert [one.pixels.shape for one in read if isinstance(one, Read)] == [(5, 4, 3), (4, 6, 3)] + [
            (5, 4, 3)
        ] * 3 + [(3, 3, 3)]

    def test_opened_files_keep_their_name(self, folder: Path) -> None:
        with Image.open(folder / "b.jpg") as image:
            assert names(image) == [str(folder / "b.jpg")]

    def test_encoded_bytes(self, folder: Path) -> None:
        content = (folder / "b.jpg").read_bytes()
        assert names(content) == ["image[0]"]
        (read,) = read_ahead(find_images(content), "L", threads=0, ahead=1)
        assert isinstance(read, Read)
        assert read.pixels.shape == (4, 6, 1)

    def test_any_iterable(self, folder: Path) -> None:
        assert len(names(path for path in [folder, folder])) == 8
        assert names([]) == []

    def test_nonsense_is_unreadable(self) -> None:
        (read,) = read_ahead(find_images([None]), "RGB", threads=0, ahead=1)
        assert isinstance(read, Unreadable)


class TestReadAhead:
    @pytest.mark.parametrize("threads", [0, 1, 3])
    def test_keeps_the_order_and_goes_on(self, threads: int, folder: Path) -> None:
        (folder / "aa.jpg").write_bytes((folder / "b.jpg").read_bytes()[:-300])
        results = list(read_ahead(find_images([folder, "nowhere.png"]), "RGB", threads=threads, ahead=2))
        assert [type(one) for one in results] == [Read, Unreadable, Read, Read, Read, Unreadable]
        assert results[1].name == str(folder / "aa.jpg")
        assert isinstance(results[1], Unreadable)
        assert not results[1].reason.startswith(str(folder))

    def test_stays_so_many_images_ahead(self, monkeypatch: pytest.MonkeyPatch) -> None:
        begun = itertools.count()
        last = 0

        def images() -> Iterator[Named]:
            nonlocal last
            for last in begun:
                yield Named(str(last), np.zeros((2, 2, 3), np.uint8))

        results = read_ahead(images(), "RGB", threads=2, ahead=5)
        for _ in range(10):
            next(results)
        assert last <= 10 + 5
        results.close()  # type: ignore[attr-defined]
        assert not [one for one in threading.enumerate() if one.name.startswith("decode")]

    def test_holds_few_large_images(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sources, "HELD_BYTES", 100)
        drawn = 0

        def images() -> Iterator[Named]:
            nonlocal drawn
            for _ in range(50):
                drawn += 1
                time.sleep(0.001)
                yield Named("a", np.zeros((10, 10, 3), np.uint8))

        results = read_ahead(images(), "RGB", threads=1, ahead=40)
        next(results)
        assert drawn < 20
        assert len(list(results)) == 49
