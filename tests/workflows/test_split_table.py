"""split.csv, as it is now and as older runs have it."""

from pathlib import Path

import pytest

from plusx.core.errors import InputError
from plusx.workflows.directory import RunDirectory
from plusx.workflows.split_table import Row, split_rows, write_split


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [Row("train", "红/a,b.png", 'say "x"', "g", "ab12"), Row("val", "c.png", "")]
    write_split(RunDirectory(tmp_path), rows)
    assert split_rows(RunDirectory(tmp_path)) == rows
    assert (tmp_path / "split.csv").read_text(encoding="utf-8").startswith("split,image,target,group,sha256\ntrain,")


def test_columns_that_older_runs_do_not_have(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("split,image,target\ntrain,a.png,cat\n", encoding="utf-8")
    assert split_rows(RunDirectory(tmp_path)) == [Row("train", "a.png", "cat", "", "")]


@pytest.mark.parametrize("content", [None, b"split,image\ntrain,a.png\n", b"\xff\xfe\n\xff"])
def test_a_table_that_is_gone_or_damaged(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "split.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"split\.csv cannot be read \(.*\)\. Restore the data, or name the images"):
        split_rows(RunDirectory(tmp_path))
