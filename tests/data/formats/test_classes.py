"""Class names and their order."""

from collections import Counter

import pytest

from plusx.core.errors import DataError
from plusx.data.formats.classes import ClassIndex, check_distinct, class_name, natural_order


def test_natural_order() -> None:
    assert natural_order(["class10", "class2", "Class1", "b", "A"]) == ["A", "b", "Class1", "class2", "class10"]
    assert natural_order(["10", "9", "-1", "0", "007"]) == ["-1", "0", "007", "9", "10"]
    assert natural_order(["10", "9a", "9"]) == ["9", "9a", "10"]
    assert natural_order(["²", "x2"]) == ["x2", "²"]  # a digit that is no decimal number
    assert natural_order(["b", "a", "b"]) == ["a", "b"]
    assert natural_order(["猫", "犬"]) == natural_order(["犬", "猫"])


def test_names_are_written_alike() -> None:
    assert class_name("cafe\u0301 ") == class_name("caf\u00e9")
    assert class_name(3) == class_name(3.0) == class_name("3")
    assert class_name(True) == "True"


def test_twins_up_to_case() -> None:
    check_distinct(Counter({"Cat": 1, "Dog": 2}))
    with pytest.raises(
        DataError, match=r"same name up to case: 'Cat' \(12 images\) and 'cat' \(3 images\)\. Rename one of them"
    ):
        check_distinct(Counter({"cat": 3, "dog": 1, "Cat": 12}))


def test_index_by_name_and_by_count() -> None:
    names = ClassIndex(("cat", "dog"), ["dog", "cat"])
    assert (names.of("dog", "a"), names.of("cat ", "a")) == (1, 0)
    counted = ClassIndex(("cat", "dog"), [0, 1, 1])
    assert counted.of(1, "a") == 1
    numbers = ClassIndex(("1", "2", "3"), ["1", "3"])
    assert numbers.of("1", "a") == 0
    counts = ClassIndex(("1", "2", "3"), [0, 1, 2])  # 0 is no name, so all of them count
    assert (counts.of(0, "a"), counts.of(1, "a")) == (0, 1)


def test_unknown_class() -> None:
    index = ClassIndex(("cat", "dog", "horse"), ["cat", "cow"])
    with pytest.raises(DataError, match=r"x\.jpg: class 'hors' is not among the 3 known classes .*Nearest: horse, "):
        index.of("hors", "x.jpg")
    with pytest.raises(DataError, match=r"x\.jpg: class '5' is not among the 2 known classes \(cat, dog\)"):
        ClassIndex(("cat", "dog"), [5]).of(5, "x.jpg")
