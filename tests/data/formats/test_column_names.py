from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plusx.data.formats.column_names import column_names

FRAME = pd.DataFrame({"file": ["a.png"], "类别": ["rose"]})
NAMES = {"file", "类别"}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_of_tables_alone_and_in_a_folder(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)
    assert column_names(path) == NAMES
    assert column_names(str(tmp_path)) == NAMES


def test_of_all_tables_that_are_splits(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("file,label\na.png,1\n", encoding="utf-8")
    (tmp_path / "test.csv").write_text("file,id\na.png,1\n", encoding="utf-8")
    assert column_names(tmp_path) == {"file", "label", "id"}


def test_of_what_is_in_memory() -> None:
    datasets = pytest.importorskip("datasets")
    assert column_names(FRAME) == NAMES
    assert column_names(datasets.Dataset.from_pandas(FRAME)) == NAMES
    assert column_names(datasets.DatasetDict({"train": datasets.Dataset.from_pandas(FRAME)})) == NAMES


def test_none_of_what_has_no_columns_or_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "rose").mkdir()
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    (tmp_path / "empty.csv").write_bytes(b"")
    for source in (tmp_path / "rose", tmp_path / "none.csv", tmp_path / "bad.parquet", tmp_path / "empty.csv"):
        assert column_names(source) == frozenset()
    assert column_names((np.zeros((2, 4, 4, 3), np.uint8), [0, 1])) == frozenset()
