from pathlib import Path

import pytest

from plusx.core.errors import DataError
from plusx.data.formats.mask_table import ClassTable, class_table


def table(folder: Path, name: str, text: str) -> ClassTable | None:
    (folder / name).write_text(text, encoding="utf-8")
    return class_table(folder)


def test_without_a_table_there_is_none(tmp_path: Path) -> None:
    assert class_table(tmp_path, tmp_path) is None


@pytest.mark.parametrize(
    ("name", "text", "keys"),
    [
        ("classes.txt", "\ufeffcat \n\n dog\n", None),
        ("classes.txt", "0: cat\n7: dog\n", (0, 7)),
        ("classes.txt", "0,cat\n7,dog\n", (0, 7)),
        ("classes.txt", "1 2 3 cat\n4,5,6,dog\n", ((1, 2, 3), (4, 5, 6))),
        ("labelmap.txt", "cat:1,2,3::\ndog:4,5,6:a,b:c\n", ((1, 2, 3), (4, 5, 6))),
        ("classes.csv", "red,green,blue,class\n1,2,3,cat\n4,5,6,dog\n", ((1, 2, 3), (4, 5, 6))),
        ("classes.tsv", "id\tname\n3\tcat\n1\tdog\n", (3, 1)),
        ("classes.csv", "name,colour\ncat,brown\ndog,grey\n", None),
        ("labels.csv", "label,value\ncat,0\ndog,1\n", (0, 1)),
    ],
)
def test_tables(tmp_path: Path, name: str, text: str, keys: object) -> None:
    assert table(tmp_path, name, text) == ClassTable(tmp_path / name, ("cat", "dog"), keys)  # pyrefly: ignore


def test_names_with_spaces_and_numbers_are_names(tmp_path: Path) -> None:
    found = table(tmp_path, "classes.txt", "3 wheeler\nfire hydrant\n")
    assert found is not None
    assert (found.names, found.keys) == (("3 wheeler", "fire hydrant"), None)


def test_labels_of_images_are_no_classes_of_masks(tmp_path: Path) -> None:
    assert table(tmp_path, "labels.csv", "filename,label\n1.jpg,cat\n2.jpg,cat\n") is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("classes.txt", "cat\ndog\ncat\n", "has the class 'cat' twice; every class stands there once"),
        ("classes.csv", "name,value\ncat,1\ndog,1\n", "has the value 1 twice"),
        ("classes.csv", "name,value\ncat,1\ndog,x\n", "'x' is no value of a mask; expected a whole number from 0 on"),
        ("classes.csv", "name,r,g,b\ncat,1,2,300\n", "1, 2, 300 is no colour; expected three numbers from 0 to 255"),
        ("classes.csv", "name,value\ncat,1\n,2\n", "has a line without the name of a class"),
        (
            "classes.csv",
            "what,value\ncat,1\n",
            "has the columns what, value; expected name and value, or",
        ),
        ("classes.txt", "\n", "is empty; expected one class per line"),
    ],
)
def test_what_cannot_be_understood_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"{name}:? {message}"):
        table(tmp_path, name, text)


def test_text_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes("Bär\nKuh\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"classes\.txt is no text in UTF-8 .* Save it as UTF-8"):
        class_table(tmp_path)
