"""Index files: the same rows back, the same bytes every time, and damage that is noticed."""

import pytest

from plusx.core.errors import DataError
from plusx.data.shards.index import Index, Row
from plusx.data.shards.manifest import Manifest, Shard

ROWS = [
    Row("猫/1.jpg", 512, 1000, "猫"),
    Row("dog/\udcff.jpg", 2**33, 7, "dog", "g1", (4096, 12)),
    Row("", 0, 0, ""),
]


def test_rows_come_back() -> None:
    index = Index.of(ROWS, bytes=5, sha256="ab")
    again = Index.from_bytes(index.to_bytes(), "x")
    rows = [
        Row(again.names[i], int(again.offsets[i]), int(again.lengths[i]), again.labels[i], again.groups[i], mask)
        for i, mask in enumerate(map(tuple, again.masks.tolist()))
    ]
    assert rows == ROWS
    assert again.about == {"bytes": 5, "sha256": "ab"}
    assert index.to_bytes() == again.to_bytes()
    assert len(Index.from_bytes(Index.of([]).to_bytes(), "x")) == 0


@pytest.mark.parametrize("keep", [0, 10, 600, -1])
def test_a_damaged_index_is_said(keep: int) -> None:
    with pytest.raises(DataError, match=r"^here\.index is damaged: no index of a shard"):
        Index.from_bytes(Index.of(ROWS).to_bytes()[:keep], "here.index")


def test_a_manifest_comes_back() -> None:
    shards = (Shard("train-00000.tar", "train", 3, 10, "ab"), Shard("val-00000.tar", "val", 2, 9, "cd"))
    about = Manifest("label", ("a", "b"), "s", finished=True, plusx="1", shards=shards, unreadable=(("x.jpg", "cut"),))
    assert Manifest.from_bytes(about.to_text().encode(), "m") == about
    assert about.images() == {"train": 3, "val": 2}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "another"}'])
def test_what_is_no_manifest(text: str) -> None:
    with pytest.raises(DataError, match=r"^there/shards\.json is no manifest of shards"):
        Manifest.from_bytes(text.encode(), "there/shards.json")
