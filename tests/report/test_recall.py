import re

import pytest

from plusx.core.details import ClassScore, Curve
from plusx.report.recall import COLOURED, precision_over_recall


def curve(name: str) -> Curve:
    return Curve(name, (0.0, 0.5, 1.0), (1.0, 0.75, 0.0))


@pytest.mark.parametrize("count", [1, COLOURED, 30])
def test_classes_with_the_most_boxes_have_colours(count: int) -> None:
    names = [f"<b{k}>" for k in range(count)]
    scores = [ClassScore(name, k, None, None, None, {"AP50": 0.625}) for k, name in enumerate(names)]
    figure = precision_over_recall([curve(name) for name in names], scores)
    coloured = names[::-1][:COLOURED]
    assert [words for _, words in figure.legend] == [f"{name} 62.5\u00a0%" for name in coloured]
    lines = re.findall(r'class="line (\w+)"', figure.picture)
    assert len(lines) == count
    assert lines.count("others") == max(0, count - COLOURED)
    assert lines[::-1][: len(coloured)] == [f"s{k + 1}" for k in range(len(coloured))]  # drawn last, on top
    assert ("in grey" in figure.note) == (count > COLOURED)
    assert "<b" not in figure.picture
