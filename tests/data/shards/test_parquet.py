"""Parquet files of others: Hugging Face's and plain ones, a group of rows at a time."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from pictures import colour_folder
from plusx.core.errors import DataError
from plusx.core.sample import Sample
from plusx.core.targets import Label, Labels
from plusx.data.formats.read import ReadOptions, read
from plusx.workflows.shard import shard

datasets = pytest.importorskip("datasets")


def images(tmp_path: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(colour_folder(tmp_path / "data", per_class=4).rglob("*.png"))]


def found(source: Any, **options: Any) -> list[tuple[Any, bytes]]:
    samples = read(source, ReadOptions(**options)).splits["train"]
    return [(one.target, one.image()) for one in samples]  # type: ignore[operator]


def test_as_hugging_face_writes_it(tmp_path: Path) -> None:
    (tmp_path / "their").mkdir()
    pictures, names = images(tmp_path), datasets.ClassLabel(names=["cat", "dog"])
    features = datasets.Features({"image": datasets.Image(), "label": names})
    rows = {"image": [{"bytes": one, "path": None} for one in pictures], "label": [i % 2 for i in range(12)]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "their" / "a.parquet", batch_size=5)
    pattern = tmp_path / "their" / "*.parquet"
    assert read(pattern).classes == ("cat", "dog")
    assert found(pattern) == [(Label(i % 2), one) for i, one in enumerate(pictures)]
    assert found(f"file://{tmp_path}/their") == found(pattern)


def test_plain_columns_and_several_files(tmp_path: Path) -> None:
    pictures = images(tmp_path)
    for number in range(3):
        part = pictures[4 * number : 4 * number + 4]
        table = pa.table({"id": range(4), "picture": part, "labels": [["a"], ["b", "a"], ["c"], ["a"]]})
        parquet.write_table(table, tmp_path / f"part{number}.parquet", row_group_size=3, compression="zstd")
    (tmp_path / "only").mkdir()
    for path in tmp_path.glob("*.parquet"):
        path.rename(tmp_path / "only" / path.name)
    assert [image for _, image in found(tmp_path / "only")] == pictures
    assert found(tmp_path / "only", label_column="labels")[1][0] == Labels((0, 1))
    with pytest.raises(DataError, match=r"part0\.parquet: no column colour; found id, picture, labels\. Name one with"):
        found(tmp_path / "only", label_column="colour")
    with pytest.raises(DataError, match=r"no column id that holds the bytes of image files; found id, picture, labels"):
        found(tmp_path / "only", image_column="id")


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match=r"x\.parquet: no Parquet file that can be read"):
        read(f"file://{tmp_path}")


def read_bytes(sample: Sample) -> bytes:
    assert isinstance(sample.image, Path)
    return sample.image.read_bytes()


def test_what_is_written_is_a_table_for_others(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data", per_class=50)
    shard(data, tmp_path / "out", to="parquet")
    table = parquet.read_table(tmp_path / "out" / "train-00000.parquet")
    assert table.schema.names == ["image", "label", "group", "mask"]
    rows = table.to_pylist()
    assert [row["image"]["bytes"] for row in rows] == [read_bytes(one) for one in read(data).splits["train"]]
    theirs = datasets.load_dataset("parquet", data_files=str(tmp_path / "out" / "*.parquet"), cache_dir=str(tmp_path))
    assert theirs["train"].num_rows == 150
    first = datasets.Image().decode_example(rows[0]["image"])
    assert first.size == (48, 40)
    assert io.BytesIO(rows[0]["image"]["bytes"]).getvalue().startswith(b"\x89PNG")
