"""Number types, ranges and channel order of arrays."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.data.pixels import as_array, channels_last, scale_of, to_uint8


def converted(array: NDArray[Any]) -> list[int]:
    return to_uint8(array, scale_of(array)).ravel().tolist()


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([0, 7, 255], np.uint8), [0, 7, 255]),
        (np.array([True, False]), [255, 0]),
        (np.array([0, 257, 65535, 385, 386], np.uint16), [0, 1, 255, 1, 2]),
        (np.array([0, 65535], ">u2"), [0, 255]),
        (np.array([0, 200], np.int64), [0, 200]),
        (np.array([0.0, 0.5, 1.0], np.float64), [0, 128, 255]),
        (np.array([0.0, 0.5, 254.6], np.float32), [0, 0, 255]),
        (np.array([0.0, 1.0], np.float16), [0, 255]),
    ],
)
def test_every_number_type_reaches_eight_bits(array: NDArray[Any], expected: list[int]) -> None:
    assert converted(array) == expected


def test_sixteen_bits_are_scaled_as_a_division_by_257_rounds() -> None:
    values = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(to_uint8(values, scale_of(values)), (values.astype(int) + 128) // 257)


def test_eight_bits_are_not_copied() -> None:
    array = np.zeros((4, 4), np.uint8)
    assert to_uint8(array, scale_of(array)) is array


@pytest.mark.parametrize(
    "array",
    [np.array([-1.0, 1.0]), np.array([0.0, 256.0]), np.array([0, 300])],
)
def test_values_outside_of_the_range_are_refused(array: NDArray[Any]) -> None:
    with pytest.raises(DataError, match=r"lie in .*; expected 0\.\.255, or 0\.\.1 for floats.*normalisation is done"):
        scale_of(array)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_counted_and_found(value: float) -> None:
    array = np.zeros((4, 5), np.float32)
    array[2, 3] = array[3, 0] = value
    with pytest.raises(DataError, match=r"2 of 20 pixel values are NaN or infinite, the first at index \[2, 3\]; expe"):
        scale_of(array)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 6), (5, 6)),
        ((5, 6, 3), (5, 6, 3)),
        ((3, 5, 6), (5, 6, 3)),
        ((1, 28, 28), (28, 28, 1)),
        ((4, 5, 6), (5, 6, 4)),
        ((3, 5, 3), (3, 5, 3)),
    ],
)
def test_channel_order(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert channels_last(np.zeros(shape)).shape == expected


@pytest.mark.parametrize("shape", [(5,), (2, 5, 6), (5, 6, 2), (1, 3, 5, 6)])
def test_other_shapes_are_no_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"Array of shape \(.*\) is no image; expected H×W, H×W×C or C×H×W"):
        channels_last(np.zeros(shape))


def test_tensors_are_viewed_and_not_copied() -> None:
    tensor = torch.zeros(2, 2)
    as_array(tensor)[0, 0] = 7
    assert tensor[0, 0] == 7


def test_what_is_no_array_of_numbers() -> None:
    with pytest.raises(DataError, match=r"Tensor cannot be read as an array.*detach"):
        as_array(torch.zeros(2, 2, requires_grad=True))
    with pytest.raises(DataError, match="object holds object, not numbers"):
        as_array(object())
    with pytest.raises(DataError, match=r"shape \(0, 4\) holds no pixels"):
        as_array(np.zeros((0, 4)))
