import io

import numpy as np
import pytest
from PIL import Image

from plusx.report.comparison import COLOURS, GAP, SIDE, Judged, Verdict, compare_boxes, compare_masks, jpeg
from plusx.report.overlay import INK, Lettering

GREY = np.full((280, 560, 3), 128, np.uint8)
NAMES = Lettering(("cell", "细胞"))


@pytest.mark.parametrize(("verdict", "dashed", "named"), [("right", 0, 0), ("wrong", 0, 1), ("missed", 1, 1)])
def test_verdicts_look_different(verdict: Verdict, dashed: bool, named: bool) -> None:
    picture = np.asarray(compare_boxes(GREY, [Judged((100, 100, 300, 200), 0, verdict)], NAMES))
    bottom = picture[199, 110:290]
    drawn = (bottom == COLOURS[verdict]).all(axis=1)
    assert drawn.any()
    assert drawn.all() != dashed
    assert (~drawn & (bottom == INK).all(axis=1)).any() == dashed
    assert (picture[105:115, 104:120] == INK).all(axis=2).any() == named
    assert (picture[130:190, 150:280] == 128).all()


def test_what_was_missed_is_never_hidden() -> None:
    place = (100.0, 100.0, 300.0, 200.0)
    both = [Judged(place, 0, "missed"), Judged(place, 1, "right"), Judged(place, 1, "wrong")]
    alone = compare_boxes(GREY, both[:1], NAMES)
    assert np.array_equal(np.asarray(compare_boxes(GREY, both, NAMES))[190:205], np.asarray(alone)[190:205])


@pytest.mark.parametrize("shape", [(40, 40), (40, 200), (600, 300)])
def test_the_true_mask_comes_first(shape: tuple[int, int]) -> None:
    true, found = np.ones(shape, np.uint8), np.zeros(shape, np.uint8)
    picture = compare_masks(np.full((*shape, 3), 128, np.uint8), true, found, frozenset({0}))
    pixels = np.asarray(picture)
    assert max(picture.size) <= 2 * SIDE + GAP
    assert (pixels[5, 5] != 128).any()
    assert (pixels[-5, -5] == 128).all()
    beside = shape[1] <= 1.5 * shape[0]
    assert (picture.width > picture.height * shape[1] / shape[0]) == beside


def test_pictures_are_small_files() -> None:
    data = jpeg(compare_boxes(GREY, [], NAMES))
    assert Image.open(io.BytesIO(data)).size == (SIDE, SIDE // 2)
