import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.core.errors import DataError
from plusx.data.formats.plain_yaml import parse

KEYS = ("train", "names", "nc")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train: a b/c  # here\r\nnc: 2", {"train": "a b/c", "nc": "2"}),
        ("---\ntrain: 'it''s #1'\n", {"train": "it's #1"}),
        ("train:\n  - a\n  - 'b'\n", {"train": ["a", "b"]}),
        ("train:\n- a\n- b\nnc: 1", {"train": ["a", "b"], "nc": "1"}),
        ("names: [a, 'b, c', \"d\"]", {"names": ["a", "b, c", "d"]}),
        ("names: [\n  a,\n  b,\n]", {"names": ["a", "b"]}),
        ("names: {0: a, 1: 'b: c'}", {"names": {"0": "a", "1": "b: c"}}),
        ("names:\n  0: a  # first\n\n  # none\n  1: it's\n", {"names": {"0": "a", "1": "it's"}}),
        ("train: ~\nnames:\nnc: null", {}),
        ("download: |\n  import os\n  a: [\nnc: 3", {"nc": "3"}),
        ("other: {a: [1, {b: 2}]}\nnc: 3", {"nc": "3"}),
        ("\ufefftrain: C:\\data", {"train": "C:\\data"}),
    ],
)
def test_what_is_understood(text: str, expected: object) -> None:
    assert parse(text, KEYS, "data.yaml") == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("names: [a, [b]]", r"data\.yaml, line 1: a list within a list is not understood"),
        ("nc: 1\nnames:\n  - a\n    - b", r"line 3: '- a' is indented unlike its neighbours"),
        ("names:\n  - a\n  0: b", r"line 3: '0: b' is neither `- item` nor `key: value`"),
        ("names: {0: a, 0: b}", r"line 1: the key '0' is there twice"),
        ("nc: 1\nnc: 2", r"line 2: the key 'nc' is there twice"),
        ("names: 'a", r"line 1: 'a is opened with a quote and not closed"),
        ("names: [a, 'b]", r"line 1: a quote ' is opened and not closed"),
        ("train: *there", r"line 1: '\*there' is more YAML than is understood here"),
        ("nc: 1\nwhat is this", r"line 2: 'what is this' is no `key: value`"),
    ],
)
def test_what_is_not_understood_is_an_error(text: str, error: str) -> None:
    with pytest.raises(DataError, match=error):
        parse(text, KEYS, "data.yaml")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Zl", "Zp"], exclude_characters="\x85"), min_size=1)))
def test_names_in_quotes_are_what_they_were(names: list[str]) -> None:
    quoted = [json.dumps(name, ensure_ascii=False) for name in names]
    block = "names:\n" + "".join(f"  {index}: {name}\n" for index, name in enumerate(quoted))
    expected = {str(index): name for index, name in enumerate(names)}
    assert parse(block, KEYS, "") == ({"names": expected} if names else {})
    if names:
        assert parse(f"names: [{', '.join(quoted)}]", KEYS, "") == {"names": names}
