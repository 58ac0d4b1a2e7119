"""Against pycocotools, and by hand."""

import json
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as pycocotools_mask

from plusx.core.errors import DataError
from plusx.core.masks import Mask
from plusx.data.regions import MaskRegions, Region, Runs, filled, shape_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
coco: Any = pycocotools_mask
INSTANCES = Path(__file__).parents[2].parent / "shared" / "data" / "coco-permissive" / "instances.json"
SIZES = ((1, 1), (1, 9), (9, 1), (37, 53), (480, 640))


def masks(size: tuple[int, int]) -> list[np.ndarray]:
    generator = np.random.default_rng(size[0])
    noise = [(generator.random(size) < share).astype(np.uint8) for share in (0.0, 0.02, 0.5, 1.0)]
    block = np.zeros(size, np.uint8)
    block[size[0] // 4 : size[0] // 2 + 1, size[1] // 3 :] = 1
    return [*noise, block]


@pytest.mark.parametrize("size", SIZES)
def test_text_of_pycocotools_is_decoded(size: tuple[int, int]) -> None:
    for mask in masks(size):
        encoded = coco.encode(np.asfortranarray(mask))
        for counts in (encoded["counts"], encoded["counts"].decode()):
            shape = shape_of({"size": list(size), "counts": counts}, size, "a.jpg")
            assert np.array_equal(filled(shape, size), mask.astype(bool))


@pytest.mark.parametrize("size", SIZES)
def test_lists_of_counts_are_read_as_pycocotools_reads_them(size: tuple[int, int]) -> None:
    for mask in masks(size):
        column_wise = np.concatenate([[0], mask.flatten(order="F")])
        changes = np.flatnonzero(np.diff(column_wise, append=2))
        counts = np.diff(changes, prepend=0).tolist()
        segmentation = {"size": list(size), "counts": counts}
        expected = coco.decode(coco.frPyObjects(segmentation, *size))
        assert np.array_equal(expected, mask)
        assert np.array_equal(filled(shape_of(segmentation, size, "a.jpg"), size), expected.astype(bool))


@pytest.mark.skipif(not INSTANCES.exists(), reason=f"{INSTANCES} is not there")
def test_all_objects_of_a_real_file() -> None:
    """Run lengths exactly; outlines up to the pixels that a contour only touches."""
    data = json.loads(INSTANCES.read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in data["images"]}
    differing = pixels = 0
    for annotation in data["annotations"]:
        size = sizes[annotation["image_id"]]
        shape = shape_of(annotation["segmentation"], size, "")
        encoded = coco.frPyObjects(annotation["segmentation"], *size)
        expected = coco.decode(coco.merge(encoded) if isinstance(encoded, list) else encoded).astype(bool)
        found = filled(shape, size)
        if isinstance(shape, Runs):
            assert np.array_equal(found, expected)
            continue
        differing += np.count_nonzero(found != expected)
        pixels += np.count_nonzero(expected)
        assert np.count_nonzero(found) == pytest.approx(annotation["area"], rel=0.25, abs=40)
    assert differing < 0.002 * pixels


def area(*numbers: float, size: tuple[int, int] = (8, 10)) -> np.ndarray:
    return filled(shape_of([list(numbers)], size, ""), size).astype(int)


def test_a_pixel_is_inside_if_its_centre_is() -> None:
    expected = np.zeros((8, 10), int)
    expected[2:5, 1:7] = 1
    for polygon in [(1, 2, 7, 2, 7, 5, 1, 5), (1.4, 2.4, 7.4, 2.4, 7.4, 5.4, 1.4, 5.4), (1, 5, 7, 5, 7, 2, 1, 2)]:
        assert np.array_equal(area(*polygon), expected)


def test_outlines_may_leave_the_image() -> None:
    assert area(-5, -5, 50, -5, 50, 50, -5, 50).all()
    assert not area(20, 20, 30, 20, 30, 30).any()
    expected = np.zeros((8, 10), int)
    expected[6:, :3] = 1
    assert np.array_equal(area(-4, 6, 3, 6, 3, 99, -4, 99), expected)


@pytest.mark.parametrize("polygon", [(), (3, 3), (1, 1, 7, 7), (1, 1, 7, 1, 4, 1)])
def test_outlines_without_an_area_hold_nothing(polygon: tuple[float, ...]) -> None:
    assert not area(*polygon).any()


def test_where_an_outline_crosses_itself_the_even_odd_rule_holds() -> None:
    twice = area(1, 1, 6, 1, 6, 6, 1, 6, 1, 1, 3, 3, 3, 5, 5, 5, 5, 3, 3, 3)
    assert twice[1:6, 1:6].sum() == 25 - 4


def test_several_outlines_are_one_region() -> None:
    shape = shape_of([[0, 0, 4, 0, 4, 4, 0, 4], [2, 2, 6, 2, 6, 6, 2, 6]], (8, 8), "")
    assert filled(shape, (8, 8)).sum() == 16 + 16 - 4


def test_neighbours_with_a_common_contour_leave_no_gap_and_do_not_overlap() -> None:
    left, right = area(0, 0, 5.5, 0, 2.3, 8, 0, 8), area(5.5, 0, 10, 0, 10, 8, 2.3, 8)
    assert (left + right == 1).all()


def test_regions_are_painted_in_their_order() -> None:
    size = (4, 6)
    below = Region(3, shape_of([[0, 0, 4, 0, 4, 4, 0, 4]], size, ""))
    above = Region(255, shape_of({"size": [4, 6], "counts": [12, 12]}, size, ""))
    mask = MaskRegions(size, (below, Region(7, shape_of([[3, 0, 5, 0, 5, 4, 3, 4]], size, "")), above), 1)
    assert mask.load() == Mask(np.array([[3, 3, 3, 255, 255, 255]] * 4, np.uint8))
    assert MaskRegions(size, (below,)).load() == Mask(np.array([[3, 3, 3, 3, 0, 0]] * 4, np.uint8))
    assert MaskRegions((2, 2), ()).load() == Mask(np.zeros((2, 2), np.uint8))
    assert mask.flip(6) == mask.load().flip(6)
    assert mask.crop(1, -1, 2, 2) == mask.load().crop(1, -1, 2, 2)
    assert mask.scale(2, 0.5) == mask.load().scale(2, 0.5)
    assert mask.joined(mask) == mask.load()
    assert pickle.loads(pickle.dumps(mask)).load() == mask.load()


def test_run_lengths_cost_what_they_reach_not_the_image() -> None:
    """Predictions come back as thousands of regions an image."""
    side, mask = 1000, np.zeros((1000, 1000), np.uint8)
    mask[400:410, 600:620] = 1
    shape = shape_of({"size": [side, side], "counts": coco.encode(np.asfortranarray(mask))["counts"]}, (side, side), "")
    regions = MaskRegions((side, side), (Region(1, shape),))
    tracemalloc.start()
    loaded = regions.load()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(loaded.values, mask)
    assert most < 1.2 * side * side


def test_run_lengths_of_another_size_are_refused() -> None:
    shape = shape_of({"size": [2, 3], "counts": [6]}, (3, 2), "a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg: run lengths of 3×2 pixels for an image of 2×3; they must be equal"):
        MaskRegions((3, 2), (Region(1, shape),), name="a.jpg").load()


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [2, 3], "counts": [5]},
        {"size": [2, 3], "counts": [7, -1]},
        {"size": [2], "counts": [2]},
        {"counts": [2]},
        {"size": [2, 3]},
        {"size": [2, 3], "counts": "é"},
        {"size": [2, 3], "counts": "6`"},
        {"size": [2, 3], "counts": [[6]]},
    ],
)
def test_broken_run_lengths_are_refused(segmentation: Any) -> None:
    with pytest.raises(DataError, match=r"a\.jpg: run lengths .* expected a height and a width, and counts"):
        shape_of(segmentation, (2, 3), "a.jpg")


@pytest.mark.parametrize("polygon", [[1, 2, 3], [1, "x"], [1, float("nan")], 5, [[1, 2], [3, 4]], None])
def test_broken_outlines_are_refused(polygon: Any) -> None:
    with pytest.raises(DataError, match=r"a\.jpg: polygon .*; expected x, y, x, y, … in pixels, an even number"):
        shape_of([polygon], (2, 3), "a.jpg")


@pytest.mark.parametrize("segmentation", [None, 3, "text"])
def test_what_is_no_segmentation_is_refused(segmentation: Any) -> None:
    with pytest.raises(DataError, match=r"a\.jpg: segmentation is .*; expected polygons or run lengths as in COCO"):
        shape_of(segmentation, (2, 3), "a.jpg")
