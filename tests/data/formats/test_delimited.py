"""CSV files as spreadsheets and people write them."""

from pathlib import Path

import pytest

from plusx.core.errors import DataError
from plusx.data.formats.delimited import read_delimited


def written(tmp_path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, end: str) -> None:
    path = written(tmp_path, end.join(delimiter.join(row) for row in (["image", "label"], ["a.jpg", "cat"])))
    assert read_delimited(path).columns == {"image": ["a.jpg"], "label": ["cat"]}


def test_labels_with_another_delimiter_inside(tmp_path: Path) -> None:
    table = read_delimited(written(tmp_path, "image,label\na.jpg,cat|dog\nb.jpg,cat|dog|cow\n"))
    assert table.columns["label"] == ["cat|dog", "cat|dog|cow"]
    table = read_delimited(written(tmp_path, 'image,label\n"a, b.jpg","cat, dog"\nc.jpg,dog\n'))
    assert table.columns == {"image": ["a, b.jpg", "c.jpg"], "label": ["cat, dog", "dog"]}


def test_cells_are_left_as_they_are(tmp_path: Path) -> None:
    table = read_delimited(written(tmp_path, "image;price;name\n1,5;1,5;x,y\nb.jpg;-20,25;z\n"))
    assert table.columns == {"image": ["1,5", "b.jpg"], "price": ["1,5", "-20,25"], "name": ["x,y", "z"]}
    assert table.delimiter == ";"


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", ()),
        ("utf-8-sig", ()),
        ("gb18030", ("table.csv is no UTF-8, read as GB 18030",)),
        ("utf-16", ("table.csv is encoded in UTF-16",)),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, note: tuple[str, ...]) -> None:
    table = read_delimited(written(tmp_path, "image,label\n花.jpg,猫\n", encoding))
    assert table.columns == {"image": ["花.jpg"], "label": ["猫"]}
    assert table.notes == note


def test_western_encoding(tmp_path: Path) -> None:
    table = read_delimited(written(tmp_path, "image,label\na.jpg,café\nb.jpg,thé\n", "cp1252"))
    assert table.columns["label"] == ["café", "thé"]
    assert table.notes == ("table.csv is no UTF-8, read as Windows-1252",)


def test_without_column_names(tmp_path: Path) -> None:
    table = read_delimited(written(tmp_path, "a.jpg,cat\nb.jpg,dog\n"))
    assert table.columns == {"column1": ["a.jpg", "b.jpg"], "column2": ["cat", "dog"]}
    assert table.notes == ("table.csv has no line with column names; called column1, column2",)


def test_blank_lines_spaces_and_short_rows(tmp_path: Path) -> None:
    table = read_delimited(written(tmp_path, "image , label\n\n a.jpg, cat \n,\nb.jpg\nc.jpg,dog,,\n"))
    assert table.columns == {"image": ["a.jpg", "b.jpg", "c.jpg"], "label": ["cat", "", "dog"]}


def test_head_only(tmp_path: Path) -> None:
    path = written(tmp_path, "image,label\n" + "a.jpg,cat\n" * 1000)
    assert len(read_delimited(path, 10)) == 10
    assert len(read_delimited(path)) == 1000


def test_too_many_cells(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table\.csv, line 3: 3 cells, but the table has 2 columns \(image, label\)"):
        read_delimited(written(tmp_path, "image,label\na.jpg,cat\nb.jpg,cat,dog\n"))


def test_a_name_twice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table\.csv: two columns are called 'label'; rename one"):
        read_delimited(written(tmp_path, "image,label,label\na.jpg,cat,dog\n"))


def test_empty_and_binary(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table\.csv: the table is empty\. Expected a line with the column names"):
        read_delimited(written(tmp_path, "\n\n"))
    with pytest.raises(DataError, match=r"table\.csv: not a text table \(it holds zero bytes\)"):
        read_delimited(written(tmp_path, b"PK\x03\x04\x00\x00"))


def test_a_quote_that_never_ends(tmp_path: Path) -> None:
    huge = 'image,label\n"a.jpg,cat\n' + "b.jpg,dog\n" * 20000
    with pytest.raises(DataError, match=r"table\.csv: no readable table: field larger than field limit"):
        read_delimited(written(tmp_path, huge))
