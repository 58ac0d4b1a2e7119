"""What labels are taken for."""

from typing import Any

import pytest

from plusx.core.errors import DataError
from plusx.data.formats.format import Entry
from plusx.data.formats.labels import found_separator, is_missing, is_number, kind_of, numbers_of, separated


def entries(*labels: Any) -> list[Entry]:
    return [Entry(None, label, f"{index}.jpg") for index, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (("cat", "dog"), "label"),
        (("1", "2", "10"), "label"),
        ((0, 1, 2), "label"),
        ((True, False), "label"),
        (("A", "1"), "label"),
        (("1.5", "2"), "value"),
        (("1.0", "2.0"), "value"),
        (("1e3", "-.5"), "value"),
        ((1.5, 2), "value"),
        ((1.0, 2.0), "value"),
        ((0.0, 1.0), "label"),
        ((("a", "b"), ("a",)), "labels"),
        ((["a"], []), "labels"),
    ],
)
def test_kind(labels: tuple[Any, ...], kind: str) -> None:
    assert kind_of(entries(*labels), any_missing=False) == kind


def test_integers_that_pandas_turned_into_floats_because_of_a_gap() -> None:
    assert kind_of(entries(1.0, 2.0, 3.0), any_missing=True) == "label"
    assert kind_of(entries(1.0, 2.5), any_missing=True) == "value"


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (("1.5", "cat"), r"'1\.5' of 0\.jpg is a decimal number, 'cat' of 1\.jpg is text"),
        ((1, "1"), r"1 of 0\.jpg is a number, '1' of 1\.jpg is text"),
        ((("a",), "a"), r"is a list, 'a' of 1\.jpg is text"),
        ((True, 2), r"2 of 1\.jpg is a number, True of 0\.jpg is a truth value"),
    ],
)
def test_mixed_labels(labels: tuple[Any, ...], found: str) -> None:
    with pytest.raises(DataError, match=f"Labels of mixed types: .*{found}.*Expected one type"):
        kind_of(entries(*labels), any_missing=False)


def test_labels_of_a_strange_type() -> None:
    with pytest.raises(DataError, match=r"Label .* of type object: expected text, a number, or a list"):
        kind_of(entries(object()), any_missing=False)


def test_missing() -> None:
    assert all(is_missing(label) for label in ("", " ", "NaN", "NA", "n/a", "null", None, float("nan")))
    assert not any(is_missing(label) for label in ("none", "None", 0, 0.0, False, "0", ()))


def test_numbers() -> None:
    assert all(is_number(label) for label in ("1", "-1.5", "+.5", "1.", "1e-3", 2, 2.5, " 3 "))
    assert not any(is_number(label) for label in ("1_000", "inf", "nan", "1,5", "", True, float("inf"), None))


@pytest.mark.parametrize(
    ("labels", "separator"),
    [
        (["cat|dog", "cat", "dog"], "|"),
        (["cat;dog", "cat", "dog"], ";"),
        (["cat, dog", "cat", "dog"], ","),
        (["a|b", "b|c", "c|a"], "|"),
        (["Shirt, blue", "Pants, red"], None),
        (["AC/DC", "a b"], None),
    ],
)
def test_separator(labels: list[str], separator: str | None) -> None:
    assert found_separator(labels) == separator


def test_separated() -> None:
    assert separated(" cat | dog|cat||", "|") == ("cat", "dog")
    assert separated("|", "|") == ()
    assert separated("cat|dog", "") == ("cat|dog",)
    assert separated([1, 2, 1], None) == (1, 2)


def test_numbers_of() -> None:
    assert numbers_of(Entry(None, "1.5", "a.jpg")) == (1.5,)
    assert numbers_of(Entry(None, ("1", 2), "a.jpg")) == (1.0, 2.0)
    for label in ("cat", float("inf"), (1, "x")):
        with pytest.raises(DataError, match=r"a\.jpg: label .* is no finite number, but the labels are real numbers"):
            numbers_of(Entry(None, label, "a.jpg"))
