"""Boxes and masks stay on what they mark, whatever is drawn."""

import time
from typing import Any

import numpy as np
import pytest
import torch

from painted import GROUND, painted, seen, surroundings
from plusx.core.card import Input
from plusx.core.errors import InputError
from plusx.core.masks import VOID, Mask
from plusx.core.targets import LEAST_SHARE, Boxes, Label
from plusx.data.jitter import JitterConfig, JitterTransform
from plusx.nn.preprocess import fit_to_input, mean_colour

GREY = (0.5, 0.5, 0.5)
PAD = Input(size=(96, 128), fit="pad", mean=GREY, std=GREY)
SQUASH = Input(size=(96, 128), fit="squash", mean=GREY, std=GREY)
NEAREST = Input(size=(96, 128), fit="pad", mean=GREY, std=GREY, interpolation="nearest")
WIDE = JitterConfig(scale=(0.3, 3.0))


@pytest.mark.parametrize("network", [PAD, SQUASH, NEAREST])
@pytest.mark.parametrize("size", [(96, 128), (60, 300), (301, 77)])
def test_boxes_enclose_what_they_enclosed(network: Input, size: tuple[int, int]) -> None:
    image, boxes, _ = painted(*size)
    transform = JitterTransform(network, WIDE)
    for seed in range(25):
        pixels, target = transform(image, boxes, np.random.default_rng(seed))
        assert isinstance(target, Boxes)
        assert len(target)
        found = seen(pixels.numpy())
        for label, corners in zip(target.labels, target.corners, strict=True):
            np.testing.assert_allclose(surroundings(found, label), corners, atol=1.01)
        for label in set(range(6)) - {*target.labels.tolist()}:  # what is dropped has all but left the picture
            window = transform.draw(*size, boxes, np.random.default_rng(seed))
            grown = window.place.height / window.source.height * window.place.width / window.source.width
            assert (found == label).sum() <= LEAST_SHARE * boxes.areas[label] * grown + 1.5 * sum(network.size)


@pytest.mark.parametrize("network", [PAD, SQUASH, NEAREST])
@pytest.mark.parametrize("size", [(96, 128), (60, 300), (301, 77)])
def test_masks_lie_on_what_they_mark_and_are_void_outside(network: Input, size: tuple[int, int]) -> None:
    image, _, mask = painted(*size)
    padding = mean_colour(network, torch.device("cpu"))
    for seed in range(25):
        pixels, target = JitterTransform(network, WIDE)(image, mask, np.random.default_rng(seed))
        assert isinstance(target, Mask)
        assert target.values.shape == network.size
        outside = torch.from_numpy(target.values == VOID)
        assert (pixels[:, outside] == padding[:, 0]).all()
        found = seen(pixels.numpy())
        certain = (found != VOID) & (target.values != VOID)
        edges = sum((np.diff(target.values.astype(int), axis=axis) != 0).sum() for axis in (0, 1))
        assert ((found != target.values) & certain).sum() <= edges  # within a pixel of the contours
        if network is NEAREST:
            np.testing.assert_array_equal(found[certain], target.values[certain])


def test_boxes_and_masks_move_alike() -> None:
    image, boxes, mask = painted(120, 90)
    transform = JitterTransform(PAD, JitterConfig(scale=(0.4, 1.0)))
    for seed in range(25):
        _, moved = transform(image, boxes, np.random.default_rng(seed))
        _, values = transform(image, mask, np.random.default_rng(seed))
        assert isinstance(moved, Boxes)
        assert isinstance(values, Mask)
        for label, corners in zip(moved.labels, moved.corners, strict=True):
            np.testing.assert_allclose(surroundings(values.values, label), corners, atol=1.0)


@pytest.mark.parametrize("network", [PAD, SQUASH])
@pytest.mark.parametrize("size", [(50, 200), (200, 50), (96, 128)])
def test_at_scale_1_the_picture_is_that_of_evaluation_but_for_its_place(network: Input, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(100, 156, (*size, 3), dtype=np.uint8)
    config = JitterConfig(scale=(1.0, 1.0), flip=0.0)
    window = JitterTransform(network, config).draw(*size, None, np.random.default_rng(1))
    pixels, _ = JitterTransform(network, config)(image, None, np.random.default_rng(1))
    expected = fit_to_input(torch.from_numpy(image)[None], network)[0]
    place = window.place
    middle = (96 - place.height) // 2, (128 - place.width) // 2
    shift = (middle[0] - place.top, middle[1] - place.left)
    assert (pixels.roll(shift, (1, 2)).float() - expected).abs().max() <= 1
    assert window.source == (0, 0, *size)


def test_scales_and_places_are_spread_evenly() -> None:
    transform = JitterTransform(PAD, JitterConfig(scale=(0.5, 2.0)))
    rng = np.random.default_rng(0)
    windows = [transform.draw(960, 1280, None, rng) for _ in range(2000)]
    scales = [window.place.height / window.source.height * 10 for window in windows]
    assert np.mean(scales) == pytest.approx(1.25, abs=0.03)
    assert (min(scales), max(scales)) == pytest.approx((0.5, 2.0), abs=0.02)
    room = [w.place.left / (128 - w.place.width) for w in windows if w.place.width < 120]
    cut = [w.source.left / (1280 - w.source.width) for w in windows if w.source.width < 1200]
    for places in (room, cut):
        assert np.mean(places) == pytest.approx(0.5, abs=0.04)
        assert np.std(places) == pytest.approx(12**-0.5, abs=0.03)
    for window in windows:
        grown = window.place.width / window.source.width, window.place.height / window.source.height
        assert grown[0] == pytest.approx(grown[1], rel=0.02)


def test_an_image_with_objects_keeps_one() -> None:
    """A small object in the corner of a large image, of which a quarter of a quarter is shown."""
    image = np.zeros((400, 400, 3), np.uint8)
    transform = JitterTransform(Input(size=(64, 64), fit="pad"), JitterConfig(scale=(4.0, 4.0)))
    for boxes in (Boxes.of([[390, 390, 398, 399]], [0]), Boxes.of([[0, 0, 9, 9], [300, 0, 390, 40]], [0, 1], [1, 0])):
        for seed in range(30):
            _, target = transform(image, boxes, np.random.default_rng(seed))
            assert isinstance(target, Boxes)
            assert target.classes


def test_where_no_window_holds_an_object_all_is_shown() -> None:
    whole = Boxes.of([[0, 0, 400, 300]], [0])
    transform = JitterTransform(Input(size=(64, 64), fit="pad"), JitterConfig(scale=(5.0, 5.0)))
    pixels, target = transform(np.full((300, 400, 3), 9, np.uint8), whole, np.random.default_rng(0))
    assert isinstance(target, Boxes)
    x1, y1, x2, y2 = target.corners[0]
    assert (x2 - x1, y2 - y1) == (64, 48)
    assert (pixels == 9).sum() == 3 * 64 * 48


def test_images_without_boxes_and_with_none_that_counts_stay_legal() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    for boxes in (Boxes.of([], []), Boxes.of([[0, 0, 5, 5]], [0], [True])):
        for seed in range(20):
            _, target = JitterTransform(PAD, WIDE)(image, boxes, np.random.default_rng(seed))
            assert isinstance(target, Boxes)
            assert target.classes == ()
    _, label = JitterTransform(PAD, WIDE)(image, Label(3), np.random.default_rng(0))
    assert label == Label(3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 3), (31, 77)])
def test_any_size_becomes_the_input_size(shape: tuple[int, int]) -> None:
    height, width = shape
    image = np.full((*shape, 3), 200, np.uint8)
    boxes, mask = Boxes.of([[0, 0, width, height]], [0]), Mask(np.zeros(shape, np.uint8))
    for network in (PAD, SQUASH):
        for seed in range(20):
            pixels, moved = JitterTransform(network, WIDE)(image, boxes, np.random.default_rng(seed))
            again, values = JitterTransform(network, WIDE)(image, mask, np.random.default_rng(seed))
            assert pixels.shape == again.shape == (3, *network.size)
            assert isinstance(moved, Boxes)
            assert isinstance(values, Mask)
            found = np.where((pixels == 200).all(0), 0, GROUND).astype(np.uint8)
            np.testing.assert_allclose(surroundings(found, 0), moved.corners[0], atol=0.01)
            np.testing.assert_array_equal(values.values == 0, (again == 200).all(0))


def test_five_thousand_boxes_cost_little() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 990, (5000, 2))
    boxes = Boxes.of(np.concatenate((corner, corner + rng.uniform(1, 10, (5000, 2))), axis=1), np.zeros(5000))
    image, transform = np.zeros((1000, 1000, 3), np.uint8), JitterTransform(PAD, JitterConfig(scale=(0.5, 2.0)))
    seconds = []
    for seed in range(5):
        began = time.process_time()
        transform(image, boxes, np.random.default_rng(seed))
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.1


def test_the_same_state_shows_the_same_part_at_any_resolution() -> None:
    boxes = Boxes.of([[100, 200, 900, 1000]], [0])
    transform = JitterTransform(PAD, WIDE)
    for seed in range(50):
        full = transform.draw(3000, 4000, boxes, np.random.default_rng(seed))
        quarter = transform.draw(750, 1000, boxes.scale(0.25, 0.25), np.random.default_rng(seed))
        assert np.abs(np.array(full.source) / 4 - np.array(quarter.source)).max() <= 1.5
        assert np.abs(np.array(full.place) - np.array(quarter.place)).max() <= 1


def test_reduction_leaves_twice_the_pixels_needed() -> None:
    whole = JitterTransform(Input(size=(224, 224), fit="pad"), JitterConfig(scale=(1.0, 1.0)))
    sides = (100, 895, 896, 1792, 3584, 9000)
    assert [whole.reduction(side, side, None, np.random.default_rng(0)) for side in sides] == [1, 1, 2, 4, 8, 8]
    half = JitterTransform(Input(size=(224, 224), fit="pad"), JitterConfig(scale=(0.5, 0.5)))
    assert half.reduction(448, 448, None, np.random.default_rng(0)) == 2
    tile = JitterTransform(Input(size=(224, 224), fit="pad"), JitterConfig(scale=(1.0, 1.0)), (60, 112))
    assert tile.reduction(896, 896, None, np.random.default_rng(0)) == 2


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"scale": (0.0, 1.0)}, r"jitter scale \(0.0, 1.0\) must be two positive numbers, low ≤ high"),
        ({"scale": (2.0, 1.0)}, "jitter scale"),
        ({"flip": 1.5}, "flip 1.5 must be a probability"),
    ],
)
def test_settings_that_make_no_sense_are_named(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        JitterConfig(**wrong)
