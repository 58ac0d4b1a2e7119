"""`1,5`: a decimal number, or two classes."""

from typing import Any

import pytest

from plusx.core.errors import DataError
from plusx.data.formats.decimals import with_points
from plusx.data.formats.options import DEFAULTS, ReadOptions

DECIMALS = ["1,50", "2", "0,05", ""]
LISTS = ["1,2", "2,3", "1", "1,3"]


def read(cells: list[Any], options: ReadOptions = DEFAULTS, delimiter: str = ";") -> tuple[list[Any], list[str]]:
    notes: list[str] = []
    (column,) = with_points([cells], options, delimiter, notes)
    return column, notes


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_numbers_where_another_delimiter_parts_the_cells(delimiter: str) -> None:
    column, notes = read(DECIMALS, delimiter=delimiter)
    assert column == ["1.50", "2", "0.05", ""]
    assert notes == [
        "the comma in labels such as 1,50 is read as a decimal comma (1.50); if it stands between several classes, say "
        '--separator "," (in Python separator=",")'
    ]


@pytest.mark.parametrize("cells", [["2,1", "1,2", "1", "2"], ["-1,2", "1,3", "2,3", "1", "2"], ["1,02", "1,2", "2"]])
def test_no_list_of_classes_is_written_like_this(cells: list[str]) -> None:
    assert read(cells)[0] == [cell.replace(",", ".") for cell in cells]


def test_what_could_be_both_is_not_guessed() -> None:
    match = (
        r'Labels such as 1,2, 2,3, 1,3 can be decimal numbers, or several classes each\. Say which: --separator "" for '
        r'numbers, --separator "," for classes'
    )
    with pytest.raises(DataError, match=match):
        read(LISTS)


def test_the_user_decides() -> None:
    as_numbers = ["1.2", "2.3", "1", "1.3"]
    assert read(LISTS, ReadOptions(separator=""))[0] == as_numbers
    column, notes = read(LISTS, ReadOptions(kind="value", separator=","))
    assert column == as_numbers
    assert notes == ["the comma in labels such as 1,2 is read as a decimal comma (1.2)"]
    for options in (ReadOptions(separator=","), ReadOptions(kind="labels"), ReadOptions(kind="label")):
        assert read(LISTS, options) == (LISTS, [])


@pytest.mark.parametrize("cells", [["1,2,3", "1,2", "2"], ["cat,dog", "cat"], ["1", "2"], ["1.5", "2"], [1, 2.5, None]])
def test_other_labels_are_left_as_they_are(cells: list[Any]) -> None:
    assert read(cells) == (cells, [])


@pytest.mark.parametrize("delimiter", ["", ","])
def test_between_commas_and_in_memory_only_numbers_that_were_asked_for(delimiter: str) -> None:
    assert read(DECIMALS, delimiter=delimiter) == (DECIMALS, [])
    assert read(DECIMALS, ReadOptions(kind="value"), delimiter)[0] == ["1.50", "2", "0.05", ""]


def test_a_slip_among_numbers_does_not_make_them_text() -> None:
    assert read(["1,5", "2,75", "about 3"])[0] == ["1.5", "2.75", "about 3"]


def test_several_columns_hold_numbers() -> None:
    columns: list[list[Any]] = [["1,2", "2,3"], ["1", "2"]]
    notes: list[str] = []
    assert with_points(columns, DEFAULTS, ",", notes) == [["1.2", "2.3"], ["1", "2"]]
    assert len(notes) == 1
