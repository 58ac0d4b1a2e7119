import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plusx.core.errors import DataError
from plusx.core.masks import Mask, Masks
from plusx.core.targets import LEAST_SHARE, Boxes, Label, Labels, Target, Value


def test_labels_may_be_none_at_all() -> None:
    assert Labels(()).indices == ()


def test_a_negative_class_is_refused() -> None:
    with pytest.raises(DataError, match="class index -1 is negative; classes are counted from 0"):
        Label(-1)


@pytest.mark.parametrize("indices", [(-1,), (2, 1), (1, 1), (0, 3, 2)])
def test_labels_are_sorted_distinct_and_not_negative(indices: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="must be sorted, distinct and not negative"):
        Labels(indices)


@pytest.mark.parametrize("values", [(), (math.nan,), (1.0, math.inf), (-math.inf,)])
def test_values_are_finite_and_at_least_one(values: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="must be finite numbers, at least one"):
        Value(values)


@given(st.sets(st.integers(0, 1000)), st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_all_that_is_allowed_is_kept_as_it_is(indices: set[int], values: list[float]) -> None:
    assert Labels(tuple(sorted(indices))).indices == tuple(sorted(indices))
    assert Value(tuple(values)).values == tuple(values)


@pytest.mark.parametrize("target", [Label(2), Labels((0, 2)), Value((1.5, -2.0))])
def test_targets_of_the_whole_image_stay_when_the_image_moves(target: Target) -> None:
    assert target.flip(640) is target
    assert target.crop(1, 2, 30, 40) is target
    assert target.scale(0.5, 2.0) is target


def test_targets_can_be_compared_and_not_changed() -> None:
    assert Label(1) == Label(1) != Label(2)
    with pytest.raises(AttributeError, match="index"):
        Label(1).index = 2  # pyrefly: ignore - that this is refused is what is tested


TWO = Boxes.of([[10, 20, 30, 60], [0, 0, 100, 80]], [3, 0], [False, True], [700, 8000])


def test_boxes_know_their_areas_and_are_not_ignored_by_themselves() -> None:
    boxes = Boxes.of([[10, 20, 30, 60]], [3])
    assert (boxes.areas.tolist(), boxes.ignored.tolist(), len(boxes)) == ([800.0], [False], 1)
    dtypes = (boxes.corners.dtype, boxes.labels.dtype, boxes.ignored.dtype, boxes.areas.dtype)
    assert dtypes == (np.float32, np.int64, np.bool, np.float32)


def test_the_classes_of_boxes_are_those_to_be_found() -> None:
    assert TWO.classes == (3,)
    assert Boxes.of([[0, 0, 1, 1]] * 3, [5, 2, 5]).classes == (2, 5)


def test_an_image_may_have_no_boxes() -> None:
    none = Boxes.of([], [])
    assert none.corners.shape == (0, 4)
    assert none.flip(5).crop(0, 0, 2, 2).scale(2, 2) == none


@pytest.mark.parametrize(
    ("corners", "labels", "text"),
    [
        (
            [[0, 0, 1, 1], [0, math.nan, 1, 1]],
            [0, 0],
            r"box 1: found \[0.0, nan, 1.0, 1.0\]; x1, y1, x2, y2 must",
        ),
        ([[0, 0, math.inf, 1]], [0], r"box 0: found \[0.0, 0.0, inf, 1.0\]; .* must be finite"),
        ([[5, 0, 5, 1]], [0], r"box 0: found \[5.0, 0.0, 5.0, 1.0\]; expected x2 > x1 and y2 > y1"),
        ([[0, 7, 5, 6]], [0], r"box 0: found \[0.0, 7.0, 5.0, 6.0\]; expected x2 > x1 and y2 > y1"),
        ([[0, 0, 5, 6]], [-1], r"box 0: found -1; class indices are counted from 0"),
        ([[0, 0, 5, 6]], [0, 1], r"shapes \(\(1, 4\), \(2,\), \(1,\), \(1,\)\); expected \(N, 4\), \(N,\)"),
    ],
)
def test_boxes_that_cannot_be(corners: Any, labels: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        Boxes.of(corners, labels)


@pytest.mark.parametrize("area", [-1.0, math.nan])
def test_areas_that_cannot_be(area: float) -> None:
    with pytest.raises(DataError, match=r"box 0: found (-1.0|nan); an area must be finite and not negative"):
        Boxes.of([[0, 0, 1, 1]], [0], areas=[area])


def test_boxes_are_mirrored() -> None:
    flipped = TWO.flip(100)
    assert flipped.corners.tolist() == [[70, 20, 90, 60], [0, 0, 100, 80]]
    assert flipped.flip(100) == TWO


def test_boxes_are_resized_and_keep_the_areas_of_the_original_image() -> None:
    scaled = TWO.scale(0.5, 2)
    assert scaled.corners.tolist() == [[20, 10, 60, 30], [0, 0, 200, 40]]
    assert scaled.areas.tolist() == [700, 8000]


def test_a_crop_clips_and_drops_what_shows_too_little() -> None:
    boxes = Boxes.of([[0, 0, 10, 10]] * 3, [0, 1, 2], [False, False, True])
    assert boxes.crop(0, 8, 20, 20).corners.tolist() == [[0, 0, 2, 10]] * 3  # exactly the least share
    rest = boxes.crop(0, 9, 20, 20)
    assert (rest.labels.tolist(), rest.ignored.tolist()) == ([2], [True])
    assert len(boxes.crop(10, 0, 20, 20)) == 0  # touches, and has no area left
    assert TWO.crop(20, 10, 40, 20).corners.tolist() == [[0, 0, 20, 40]] * 2


whole = st.integers(0, 60)


@given(st.lists(st.tuples(whole, whole, st.integers(1, 40), st.integers(1, 40))), st.tuples(whole, whole, whole, whole))
def test_a_crop_is_what_is_left_of_the_painted_boxes(found: list[tuple[int, ...]], window: tuple[int, ...]) -> None:
    """Against painting each box and cutting the picture."""
    top, left, height, width = window
    expected = []
    for label, (x, y, w, h) in enumerate(found):
        painted = np.zeros((100, 100), np.bool)
        painted[y : y + h, x : x + w] = True
        rows, columns = painted[top : top + height, left : left + width].nonzero()
        if len(rows) and len(rows) >= LEAST_SHARE * w * h:
            expected.append([label, columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    boxes = Boxes.of([[x, y, x + w, y + h] for x, y, w, h in found], list(range(len(found)))).crop(*window)
    assert np.column_stack([boxes.labels, boxes.corners]).tolist() == expected


def test_a_crop_is_survived_where_something_is_left_to_be_found() -> None:
    boxes = Boxes.of([[0, 0, 10, 10], [50, 50, 90, 90]], [0, 1], [False, True])
    assert boxes.survives(0, 8, 20, 20)
    assert not boxes.survives(0, 9, 20, 20)
    assert not boxes.survives(50, 50, 40, 40)  # only what is ignored
    for without in (
        Boxes.of([], []),
        Boxes.of([[0, 0, 10, 10]], [0], [True]),
        Label(3),
        Mask(np.zeros((9, 9), np.uint8)),
    ):
        assert without.survives(50, 50, 40, 40)


def test_boxes_are_joined() -> None:
    one, none = Boxes.of([[1, 2, 3, 4]], [5], areas=[99]), Boxes.of([], [])
    assert one.joined(TWO) == Boxes.of(
        [[1, 2, 3, 4], [10, 20, 30, 60], [0, 0, 100, 80]], [5, 3, 0], [False, False, True], [99, 700, 8000]
    )
    assert one.joined(none) == none.joined(one) == one


def test_masks_are_joined_where_one_is_void() -> None:
    one, other = (Mask(np.array(values, np.uint8)) for values in ([[1, 255], [255, 0]], [[7, 2], [255, 255]]))
    assert one.joined(other) == Mask(np.array([[1, 2], [255, 0]], np.uint8))
    layers, others = (
        Masks(np.array(values, np.uint8)) for values in ([[[1, 255]], [[0, 255]]], [[[0, 1]], [[1, 255]]])
    )
    assert layers.joined(others) == Masks(np.array([[[1, 1]], [[0, 255]]], np.uint8))


@pytest.mark.parametrize("target", [Label(2), Labels((0, 2)), Value((1.5, -2.0))])
def test_targets_of_the_whole_image_cannot_be_joined(target: Target) -> None:
    with pytest.raises(DataError, match=f"{type(target).__name__} belongs to a whole image; only boxes and masks"):
        target.joined(target)


def test_boxes_can_be_compared_packed_and_not_changed() -> None:
    again = pickle.loads(pickle.dumps(TWO))
    assert again == TWO
    assert hash(again) == hash(TWO)
    assert Boxes.of(TWO.corners, [3, 1], TWO.ignored, TWO.areas) != TWO
    assert TWO != 3
    assert Boxes.of([[-0.0, 0, 1, 1]], [0]) == Boxes.of([[0, 0, 1, 1]], [0])
    with pytest.raises(ValueError, match="read-only"):
        TWO.corners[0, 0] = 1


def mask(rows: list[list[int]]) -> Mask:
    return Mask(np.array(rows, np.uint8))


def test_a_mask_is_8_bit_and_two_dimensional() -> None:
    for values in (np.zeros((2, 2), np.int64), np.zeros((1, 2, 2), np.uint8), np.zeros((0, 3), np.uint8)):
        with pytest.raises(DataError, match=r"expected uint8 class indices \(H, W\)"):
            Mask(values)  # pyrefly: ignore - that this is refused is what is tested


def test_a_mask_is_mirrored_left_to_right() -> None:
    assert mask([[0, 1, 2], [3, 4, 255]]).flip(3) == mask([[2, 1, 0], [255, 4, 3]])


def test_what_is_cut_from_outside_of_a_mask_is_void() -> None:
    whole = mask([[0, 1, 2], [3, 4, 5]])
    assert whole.crop(0, 1, 2, 2) == mask([[1, 2], [4, 5]])
    assert whole.crop(-1, -1, 3, 3) == mask([[255, 255, 255], [255, 0, 1], [255, 3, 4]])
    assert whole.crop(1, 2, 2, 3) == mask([[5, 255, 255], [255, 255, 255]])
    assert whole.crop(-4, -4, 2, 2) == whole.crop(9, 9, 2, 2) == mask([[255, 255], [255, 255]])
    assert whole.crop(0, 0, 2, 3) == whole


def test_cutting_gives_a_copy() -> None:
    whole = mask([[0, 1], [2, 3]])
    whole.crop(0, 0, 1, 1).values[0, 0] = 9
    assert whole == mask([[0, 1], [2, 3]])


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 11), (14, 22), (40, 9)])
def test_masks_are_resized_like_torch_does_without_interpolation(size: tuple[int, int]) -> None:
    values = np.random.default_rng(0).integers(0, 256, (7, 11)).astype(np.uint8)
    image = torch.from_numpy(values)[None, None].float()
    expected = torch.nn.functional.interpolate(image, size, mode="nearest-exact")[0, 0].numpy()
    assert Mask(values).resized(*size) == Mask(expected.astype(np.uint8))
    assert Mask(values).scale(size[0] / 7, size[1] / 11) == Mask(values).resized(*size)


def test_a_scaled_mask_keeps_at_least_one_pixel() -> None:
    assert mask([[1, 2], [3, 4]]).scale(0.01, 0.01).values.shape == (1, 1)


def test_masks_are_equal_by_content() -> None:
    assert mask([[1, 2]]) == mask([[1, 2]]) != mask([[1, 3]])
    assert mask([[1, 2]]) != Label(1)
