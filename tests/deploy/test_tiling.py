"""Masks of large images, predicted in windows."""

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from plusx.core.backbone import Backbone
from plusx.core.card import Card, Input
from plusx.core.errors import InputError
from plusx.core.prediction import MaskPrediction
from plusx.core.stage import Stage
from plusx.deploy.export import export
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.deploy.predictor import Predictor
from plusx.deploy.tiling import Tiling, blended, largest, starts
from plusx.deploy.torch_predictor import TorchPredictor
from plusx.tasks.create import create

CLASSES = ("soil", "water", "树")
SIDE = 32
REACH = 2
"""Pixels around one that the network below looks at."""


class Stride1(Backbone):
    """A single convolution: with its head it sees 5 × 5 pixels, wherever they lie."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = (Stage("conv1", 32, 1),)
        self.conv1 = nn.Sequential(nn.Conv2d(3, 32, 3, 1, 1), nn.ReLU())


def model(size: tuple[int, int] = (SIDE, SIDE)) -> tuple[Any, Card]:
    torch.manual_seed(3)
    task = create("segment", Stride1(), {"classes": CLASSES, "head": "fcn"}).eval()
    for module in task.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.2)
    return task, Card("toy", "toy", input=Input(size, min(size), fit="pad"), classes=CLASSES)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("toy") / "model.onnx"
    export(*model(), path)
    return path


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Colours that change slowly, with noise."""
    rng = np.random.default_rng(height * width)
    y, x = np.mgrid[:height, :width] / 9
    waves = np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=2)
    return np.clip(128 + 80 * waves + rng.normal(0, 20, waves.shape), 0, 255).astype(np.uint8)


def mask_of(predictor: Predictor, image: NDArray[np.uint8], tiling: Tiling) -> NDArray[np.uint8]:
    (one,) = predictor.predict([image], ["it"], tiling=tiling, batch_size=5)
    assert isinstance(one, MaskPrediction)
    assert one.classes == CLASSES
    return one.mask


class Sure:
    """Says of every pixel what its first channel says; keeps the sums of shares. `offsets`: adds one a window."""

    def __init__(self, classes: int, offsets: bool = False) -> None:
        self.classes, self.offsets = classes, offsets
        self.rng = np.random.default_rng(0)
        self.sums: list[NDArray[np.float32]] = []

    def shares(self, images: NDArray[np.uint8], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        known = np.stack([images[..., 0] == index for index in range(self.classes)], axis=1).astype(np.float32)
        if self.offsets:
            known[:] = self.rng.integers(0, 2, (len(images), 1, 1, 1))
            known[:, 1] = 1 - known[:, 0]
        return known * weights

    def held(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        return array

    def chosen(self, sums: NDArray[np.float32]) -> NDArray[np.uint8]:
        if self.offsets:
            self.sums.append(sums.copy())
        return largest(sums)


def told(done: int, windows: int) -> None:
    assert 0 < done <= windows


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.7])
@pytest.mark.parametrize(
    ("size", "window"),
    [
        ((1, 5000), (1, 64)),
        ((257, 4001), (64, 64)),
        ((4001, 33), (64, 33)),
        ((65, 65), (64, 64)),
        ((128, 192), (64, 64)),
        ((99, 101), (7, 50)),
        ((5, 9), (1, 1)),
    ],
)
def test_every_pixel_is_covered_by_what_shows_it(size: Any, window: Any, overlap: float) -> None:
    image = np.random.default_rng(0).integers(0, 5, (*size, 1), dtype=np.uint8)
    found = blended(Sure(5), image, window, overlap, batch_size=3, progress=told)
    assert np.array_equal(found, image[..., 0])


@pytest.mark.parametrize(("length", "window"), [(100, 100), (101, 100), (5000, 64), (449, 256), (3, 1)])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.9])
def test_windows_begin_and_end_with_the_image_and_overlap_evenly(length: int, window: int, overlap: float) -> None:
    found = np.array(starts(length, window, overlap))
    assert (found[0], found[-1] + window) == (0, length)
    steps = np.diff(found)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1
    assert len(steps) == 0 or 1 <= steps.max() <= max(1, window * (1 - overlap))


def test_there_are_no_seams() -> None:
    """Windows that contradict each other pass into one another, no faster than over the pixels they share."""
    scorer = Sure(2, offsets=True)
    blended(scorer, np.zeros((300, 400, 1), np.uint8), (64, 64), 0.5, batch_size=4, progress=told)
    sums = np.concatenate(scorer.sums, axis=1)
    shares = sums[0] / sums.sum(axis=0)
    assert shares.min() < 0.01
    assert shares.max() > 0.99
    for axis in (0, 1):
        assert np.abs(np.diff(shares, axis=axis)).max() < 0.06  # sin² over 32 pixels: π / 64


def test_only_a_band_is_held() -> None:
    classes, (height, width), window = 21, (2000, 300), (32, 32)
    image = np.zeros((height, width, 1), np.uint8)
    tracemalloc.start()
    try:
        blended(Sure(classes), image, window, 0.25, batch_size=2, progress=told)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    band = 4 * classes * window[0] * width
    assert peak < height * width + 2 * band < 4 * classes * height * width / 10


def test_a_window_as_large_as_the_image_is_the_whole(file: Path) -> None:
    image = picture(50, 70)
    for predictor in (OnnxPredictor(file), TorchPredictor(*model())):
        whole = mask_of(predictor, image, Tiling("whole"))
        assert np.array_equal(mask_of(predictor, image, Tiling(70)), whole)
        assert not np.array_equal(mask_of(predictor, image, Tiling(SIDE)), whole)


@pytest.mark.parametrize("size", [(150, 97), (33, 200)])
def test_a_network_that_looks_alike_everywhere_gives_the_same_in_windows(size: tuple[int, int]) -> None:
    image = picture(*size)
    whole = mask_of(TorchPredictor(*model(size)), image, Tiling("whole"))
    found = mask_of(TorchPredictor(*model()), image, Tiling(SIDE, 0.5))
    assert len(np.unique(whole)) == len(CLASSES)
    near = [np.zeros(length, bool) for length in size]
    for edges, length in zip(near, size, strict=True):
        for start in starts(length, SIDE, 0.5):
            edges[start : start + REACH] |= start > 0
            edges[start + SIDE - REACH : start + SIDE] |= start + SIDE < length
    inside = ~near[0][:, None] & ~near[1][None, :]
    assert inside.mean() > 0.5
    assert np.array_equal(found[inside], whole[inside])
    assert (found == whole).mean() > 0.98  # the edges of windows weigh little


@pytest.mark.parametrize("size", [(1, 300), (100, 31), (71, 130)])
@pytest.mark.parametrize("tile", [24, SIDE, 50])
def test_torch_and_onnx_agree(size: tuple[int, int], tile: int, file: Path) -> None:
    image = picture(*size)
    found, expected = (mask_of(p, image, Tiling(tile)) for p in (OnnxPredictor(file), TorchPredictor(*model())))
    assert found.shape == size
    assert (found == expected).mean() > 0.999


def test_auto_cuts_what_is_larger_than_the_training_images(file: Path) -> None:
    task, card = model()
    image = picture(60, 90)
    for largest_image, same_as in ((None, "whole"), ((60, 90), "whole"), ((90, 60), "whole"), ((20, 40), 40)):
        predictor = TorchPredictor(task, replace(card, largest_image=largest_image))
        assert np.array_equal(mask_of(predictor, image, Tiling()), mask_of(predictor, image, Tiling(same_as)))
    squashed = replace(card, input=replace(card.input, fit="squash"), largest_image=(20, 40))
    assert Tiling().window(squashed, 60, 90) == (20, 40)
    assert Tiling().window(squashed, 10, 90) == (10, 40)


def test_scores_are_a_second_output_that_the_file_tells_of(file: Path, tmp_path: Path) -> None:
    loaded = onnx.load(file)
    axes = {
        one.name: [axis.dim_param or axis.dim_value for axis in one.type.tensor_type.shape.dim]
        for one in loaded.graph.output
    }
    assert axes == {"mask": ["batch", "height", "width"], "scores": ["batch", len(CLASSES), "height", "width"]}
    assert OnnxPredictor(file).metadata.outputs == ("mask", "scores")

    (entry,) = [entry for entry in loaded.metadata_props if entry.key == "plusx.outputs"]
    loaded.metadata_props.remove(entry)
    onnx.save(loaded, tmp_path / "old.onnx")
    old, image = OnnxPredictor(tmp_path / "old.onnx"), picture(40, 50)
    assert np.array_equal(mask_of(old, image, Tiling()), mask_of(OnnxPredictor(file), image, Tiling()))
    with pytest.raises(InputError, match=r"old\.onnx gives classes without the scores .*Export it again"):
        old.predict([image], ["it"], tiling=Tiling(SIDE))


def test_other_tasks_have_no_windows() -> None:
    task = create("multilabel", Stride1(), {"classes": CLASSES}).eval()
    predictor = TorchPredictor(task, Card("toy", "toy", input=Input((32, 32), 32), classes=CLASSES))
    assert predictor.predict([picture(50, 60)], ["it"], tiling=Tiling("auto"))
    with pytest.raises(
        InputError,
        match=r"--tile cuts images into windows for masks of one class a pixel; .* task is multilabel",
    ):
        predictor.predict([picture(50, 60)], ["it"], tiling=Tiling(32))
    with pytest.raises(InputError, match=r"overlap 1 must be at least 0 and less than 1"):
        Tiling(32, 1)
