import itertools
from xml.etree import ElementTree

import pytest

from plusx.core.details import Confusion
from plusx.report.confusion import drawable, heat_map, mixups


def diagonal(k: int, extra: int = 0) -> Confusion:
    counts = [[5 if i == j else 0 for j in range(k)] for i in range(k)]
    for i in range(extra):
        counts[i][i + 1] = 1 + i
    return Confusion(tuple(f"类别{c}" for c in range(k)), tuple(map(tuple, counts)))


def cells(picture: str, kind: str) -> list[ElementTree.Element]:
    return [e for e in ElementTree.fromstring(picture).iter("rect") if e.attrib["class"] == kind]


def test_only_what_occurs_is_drawn_right_apart_from_wrong() -> None:
    picture = heat_map(Confusion(("a", "b", "no image"), ((3, 1, 0), (0, 2, 0), (0, 0, 0)))).picture
    right, wrong = cells(picture, "right"), cells(picture, "wrong")
    assert [cell[0].text for cell in right] == ["a → a: 3 (75.0\u00a0%)", "b → b: 2 (100\u00a0%)"]
    assert [cell[0].text for cell in wrong] == ["a → b: 1 (25.0\u00a0%)"]
    assert [float(cell.attrib["fill-opacity"]) for cell in right] == pytest.approx([0.79, 1.0], abs=0.01)


@pytest.mark.parametrize("k", [1, 2, 10, 11, 24, 25, 50, 51, 100])
def test_every_class_is_named_twice_in_letters_that_fit_its_row(k: int) -> None:
    root = ElementTree.fromstring(heat_map(diagonal(k)).picture)
    names = [text for text in root.iter("text") if "name" in text.attrib["class"]]
    assert len(names) == 2 * k
    rows = [float(text.attrib["y"]) for text in names[::2]]
    size = {"large": 12, "medium": 11, "small": 9}[names[0].attrib["class"].split()[-1]]
    assert all(after - before > size for before, after in itertools.pairwise(rows))


def test_many_classes_are_reduced_to_those_with_mistakes_in_their_order() -> None:
    reduced = drawable(diagonal(300, extra=120))
    assert len(reduced.classes) == 100
    assert reduced.classes == tuple(f"类别{c}" for c in range(21, 121))
    assert "The 100 classes with the most mistakes, of 300" in heat_map(diagonal(300, extra=120)).note


def test_long_names_are_cut_and_told_in_full() -> None:
    root = ElementTree.fromstring(heat_map(Confusion(("很长" * 20, "b"), ((1, 0), (0, 1)))).picture)
    name = next(text for text in root.iter("text") if "name" in text.attrib["class"])
    assert name.text == "很长" * 5 + "…"
    assert name[0].text == "很长" * 20


def test_mixups_most_frequent_first() -> None:
    found = mixups(Confusion(("a", "b", "c"), ((5, 2, 0), (1, 1, 1), (2, 0, 2))))
    assert [(m.true, m.predicted, m.count) for m in found] == [
        ("c", "a", 2), ("a", "b", 2), ("b", "a", 1), ("b", "c", 1),
    ]  # fmt: skip
    assert found[0].share == 0.5
    assert mixups(diagonal(4)) == []
