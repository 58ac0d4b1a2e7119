"""Against scipy's exact distance transform, and by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from plusx.tasks.metrics.boundary import TOLERANCE, BoundaryScores, boundary


def score(answer: Tensor, truth: Tensor, classes: int = 4) -> BoundaryScores:
    scores = BoundaryScores(classes)
    scores.update(answer, truth, 255)
    return scores


def square(size: int, top: int, left: int, side: int) -> Tensor:
    mask = torch.zeros(size, size, dtype=torch.int64)
    mask[top : top + side, left : left + side] = 1
    return mask


def slow(answer: np.ndarray, truth: np.ndarray) -> dict[int, float]:
    """F of each class with a boundary: erosion and distance transform, both by scipy."""
    answer = np.where(truth == 255, truth, answer)
    cross, found = ndimage.generate_binary_structure(2, 1), {}
    for c in sorted(({*np.unique(answer)} | {*np.unique(truth)}) - {255}):
        masks = (answer == c, truth == c)
        edges = [mask & ~ndimage.binary_erosion(mask, cross, border_value=1) for mask in masks]
        if not (edges[0].any() or edges[1].any()):
            continue
        radius = max(1.0, TOLERANCE * math.hypot(*truth.shape))
        shares = []
        for own, other in (edges, edges[::-1]):
            distance = ndimage.distance_transform_edt(~other) if other.any() else np.full(truth.shape, np.inf)
            assert isinstance(distance, np.ndarray)
            shares.append(float((distance[own] <= radius).mean()) if own.any() else 0.0)
        found[int(c)] = 2 * shares[0] * shares[1] / (sum(shares) or 1)
    return found


@pytest.mark.parametrize(("height", "width"), [(1, 40), (40, 1), (60, 90), (300, 420), (211, 600)])
def test_against_a_distance_transform(height: int, width: int) -> None:
    generator = np.random.default_rng(height)

    def blobs(seed: int) -> np.ndarray:
        noise = np.random.default_rng(seed).normal(size=(4, height, width))
        return np.stack([ndimage.gaussian_filter(layer, min(height, width) / 12 + 0.5) for layer in noise]).argmax(0)

    truth = blobs(1)
    answer = np.where(generator.random((height, width)) < 0.97, np.roll(truth, 2, axis=1), blobs(2))
    truth[: height // 5, : width // 5] = 255
    scores, expected = score(torch.from_numpy(answer), torch.from_numpy(truth)), slow(answer, truth)
    assert expected
    assert scores.of_classes() == [pytest.approx(expected[c]) if c in expected else None for c in range(4)]
    assert scores.mean() == pytest.approx(np.mean(list(expected.values())))


def test_boundary_pixels_belong_to_the_region_and_not_to_the_border_of_the_image() -> None:
    mask = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]])
    expected = torch.tensor([[0, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]], dtype=torch.bool)
    assert torch.equal(boundary(mask), expected)


def test_within_the_tolerance_all_is_right_and_beyond_it_nothing() -> None:
    truth = square(400, 100, 100, 150)  # tolerance 4.24 pixels
    assert score(square(400, 97, 97, 156), truth).mean() == pytest.approx(1.0, abs=1e-2)  # 3 pixels, corners 4.24
    assert score(square(400, 96, 96, 158), truth).of_classes()[1] == pytest.approx(0.98, abs=0.02)
    assert score(square(400, 90, 90, 170), truth).of_classes()[1] == 0.0


def test_an_invented_object_and_a_missed_one_score_0() -> None:
    nothing, something = torch.zeros(50, 50, dtype=torch.int64), square(50, 10, 10, 20)
    assert score(something, nothing).of_classes() == [0.0, 0.0, None, None]
    assert score(nothing, something).of_classes() == [0.0, 0.0, None, None]


def test_without_any_boundary_there_is_no_score() -> None:
    plain = torch.ones(30, 30, dtype=torch.int64)
    assert score(plain, plain).mean() is None
    assert score(1 - plain, plain).mean() is None
    assert score(plain, torch.full((30, 30), 255)).mean() is None


def test_the_mean_is_over_images() -> None:
    scores, truth = BoundaryScores(2), square(50, 10, 10, 20)
    scores.update(truth, truth, 255)
    scores.update(torch.zeros_like(truth), truth, 255)
    scores.update(torch.zeros_like(truth), torch.zeros_like(truth), 255)  # no boundary: does not count
    assert scores.mean() == 0.5
    assert scores.of_classes() == [0.5, 0.5]


def test_what_is_said_in_void_changes_nothing() -> None:
    truth = square(60, 10, 10, 30)
    truth[8:42, 8:42][truth[8:42, 8:42] == 0] = 255  # a strip around the object, as in PASCAL VOC
    assert score(square(60, 9, 9, 32), truth).mean() == 1.0
    assert score(square(60, 10, 10, 30), truth).mean() == 1.0
    precision = 116 / (116 + 136 + 164)  # the edges at the object, around the strip and far outside
    assert score(square(60, 4, 4, 42), truth).of_classes()[1] == pytest.approx(2 * precision / (precision + 1))
