"""Tar files by their headers: the places of images in archives of several writers."""

import io
import tarfile
from pathlib import Path

import pytest

from plusx.core.errors import DataError
from plusx.data.shards.store import LocalStore
from plusx.data.shards.tar import TarWriter, read_rows, split_name


def archive(path: Path, members: dict[str, bytes], **how: object) -> LocalStore:
    with tarfile.open(path, "w", **how) as file:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return LocalStore(path.parent)


MEMBERS = {
    "a/1.jpg": b"one",
    "a/1.cls": b"3\n",
    "__meta__/x.json": b"{}",
    "a/2.JPG": b"zwei" * 300,
    "a/2.txt": "猫".encode(),
    "a/2.seg.png": b"mask",
    "b/" + "long" * 40 + "/图.png": b"3",
    "b/" + "long" * 40 + "/图.json": b'{"label": "dog"}',
    "b/notes.txt": b"no image",
}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_where_images_lie(tmp_path: Path, form: int) -> None:
    store = archive(tmp_path / "x.tar", MEMBERS, format=form)
    rows = list(read_rows(store, "x.tar"))
    assert [(row.name, row.label) for row in rows] == [
        ("a/1", "3"),
        ("a/2", "猫"),
        ("b/" + "long" * 40 + "/图", '{"label": "dog"}'),
    ]
    found = [store.read("x.tar", row.offset, row.length) for row in rows]
    assert found == [b"one", b"zwei" * 300, b"3"]


def test_what_is_written_is_a_tar_file(tmp_path: Path) -> None:
    path = tmp_path / "y.tar"
    with path.open("wb") as file:
        writer = TarWriter(file)
        places = {name: writer.add(name, data) for name, data in MEMBERS.items()}
        digest = writer.finish()
    data = path.read_bytes()
    assert len(digest) == 64
    assert len(data) == writer.size
    assert writer.size % tarfile.RECORDSIZE == 0
    with tarfile.open(path) as theirs:
        assert theirs.getnames() == list(MEMBERS)
        for member in theirs:
            assert member.offset_data == places[member.name]
            assert (member.mtime, member.uid, member.mode) == (0, 0, 0o644)
    for name, place in places.items():
        assert data[place : place + len(MEMBERS[name])] == MEMBERS[name]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b.jpg", ("a/b", "jpg")),
        ("a.b/c.left.PNG", ("a.b/c", "left.png")),
        ("plain", ("plain", "")),
    ],
)
def test_keys(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts


def test_archives_that_cannot_be_read(tmp_path: Path) -> None:
    store = archive(tmp_path / "bare.tar", {"a.jpg": b"x", "a.exif": b"y"})
    with pytest.raises(DataError, match=r"bare\.tar: a\.jpg has no label beside it\. Expected a\.cls .*Found: exif"):
        list(read_rows(store, "bare.tar"))
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as file:
        file.addfile(tarfile.TarInfo("a.jpg"))
    with pytest.raises(DataError, match=r"packed\.tar: no tar file that can be read at any place .*gunzip"):
        list(read_rows(store, "packed.tar"))
    with pytest.raises(DataError, match=r"none\.tar: there is no such file"):
        list(read_rows(store, "none.tar"))
    with pytest.raises(DataError, match=r"bare\.tar: ends before byte 1000000, where its index says an image lies"):
        store.read("bare.tar", 999_990, 10)
