"""Options that cannot be obeyed are refused when they are given."""

import pytest

from plusx.core.errors import InputError
from plusx.data.formats.options import ReadOptions


def test_a_broken_pattern() -> None:
    with pytest.raises(InputError, match=r"group_pattern '\(' is not a regular expression: .*Example: "):
        ReadOptions(group_pattern="(")


def test_two_ways_of_grouping() -> None:
    with pytest.raises(InputError, match="group_column and group_pattern are both given"):
        ReadOptions(group_pattern="x", group_column="y")


def test_label_columns() -> None:
    assert ReadOptions().label_columns == ()
    assert ReadOptions(label_column="a").label_columns == ("a",)
    assert ReadOptions(label_column=("a", "b")).label_columns == ("a", "b")
