from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from plusx.report.overlay import INK, Found, Lettering, colour_of, draw_boxes, draw_mask

GREY = np.full((400, 500, 3), 128, np.uint8)
NAMES = Lettering(("person", "traffic light", "dog"))


def array(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture)


def changed(found: Sequence[Found]) -> int:
    return int((array(draw_boxes(GREY, found, NAMES)) != GREY).any(axis=-1).sum())


def test_21_classes_have_colours_of_their_own() -> None:
    assert len({colour_of(label) for label in range(21)}) == 21
    assert colour_of(21) == colour_of(0)


def test_a_frame_lies_on_the_edge_of_its_box_and_leaves_the_rest() -> None:
    pixels = array(draw_boxes(GREY, [Found((100, 150, 300, 350), 2, 0.9)], NAMES))
    for x, y in ((100, 250), (299, 250), (200, 150), (200, 349)):
        assert tuple(pixels[y, x]) == colour_of(2)
    assert tuple(pixels[250, 98]) == (128, 128, 128)
    assert tuple(pixels[250, 300]) == INK  # the dark line around it
    assert (pixels[160:340, 110:290] == 128).all()


def test_a_box_as_large_as_the_image_shows_all_its_sides() -> None:
    pixels = array(draw_boxes(GREY, [Found((0, 0, 500, 400), 0, 0.9)], NAMES))
    for x, y in ((0, 200), (499, 200), (499, 0), (250, 399)):
        assert tuple(pixels[y, x]) == colour_of(0)


@pytest.mark.parametrize("corner", [(0, 0), (488, 0), (0, 388), (488, 388)])
def test_labels_stay_inside_the_picture(corner: tuple[int, int]) -> None:
    x, y = corner
    anywhere = changed([Found((200, 200, 212, 212), 1, 0.5)])
    assert changed([Found((x, y, x + 12, y + 12), 1, 0.5)]) > 0.85 * anywhere  # a cut label would show a half or less


def test_labels_of_boxes_in_one_place_do_not_hide_each_other() -> None:
    frame = (100.0, 100.0, 300.0, 300.0)
    alone, with_score = (changed([Found(frame, 1, score)]) for score in (0.9, 0.8))
    frames = 4 * 200 * 6
    assert changed([Found(frame, 1, 0.9), Found(frame, 1, 0.8)]) > alone + with_score - frames


def test_the_best_lies_on_top() -> None:
    frame = (100.0, 100.0, 300.0, 300.0)
    for order in (1, -1):
        pixels = array(draw_boxes(GREY, [Found(frame, 0, 0.2), Found(frame, 2, 0.9)][::order], NAMES))
        assert tuple(pixels[200, 100]) == colour_of(2)


def test_names_that_the_font_cannot_draw_are_told_and_numbered() -> None:
    lettering = Lettering(("cat", "猫", "Füße", "traffic light (red) 100%"))
    assert lettering.undrawable() == ("猫", "Füße")
    assert [lettering.name(label) for label in range(4)] == ["cat", "#1", "#2", "traffic light (red) 100%"]


def test_small_images_are_enlarged_and_boxes_with_them() -> None:
    picture = draw_boxes(GREY[:40, :60], [Found((10, 10, 30, 30), 0, 0.9)], NAMES)
    assert picture.size == (600, 400)
    assert array(picture)[200, 100].tolist() == list(colour_of(0))


def test_no_boxes_is_the_image() -> None:
    assert (array(draw_boxes(GREY, [], NAMES)) == GREY).all()


def test_a_mask_colours_its_classes_and_nothing_else() -> None:
    values = np.zeros((400, 500), np.uint8)
    values[100:200, 100:200], values[300:, :] = 2, 255
    pixels = array(draw_mask(GREY, values, NAMES, quiet=frozenset({0})))
    assert (pixels[300:400] == 128).all()
    assert (pixels[:100] == 128).all()
    assert pixels[150, 150].tolist() == pytest.approx([(128 + c) / 2 for c in colour_of(2)], abs=1)
    assert pixels[150, 100].tolist() == list(colour_of(2))
    legend = pixels[400:]
    assert (legend == colour_of(2)).all(axis=-1).any()
    assert not (legend == colour_of(0)).all(axis=-1).any()


def test_a_long_legend_goes_on_in_further_rows() -> None:
    names = Lettering(tuple(f"a rather long name {c}" for c in range(12)))
    values = (np.arange(400 * 500).reshape(400, 500) // 20000).astype(np.uint8)
    few, many = (draw_mask(GREY, shown, names).height for shown in (values * 0, values))
    assert few < many


def test_a_mask_of_nothing_is_the_image() -> None:
    nothing = np.full((400, 500), 255, np.uint8)
    assert (array(draw_mask(GREY, nothing, NAMES)) == GREY).all()
