"""Preprocessing against Pillow and torchvision, which published weights were evaluated with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.export import Dim
from torchvision.transforms import CenterCrop, InterpolationMode, Resize

from plusx.core.card import Fit, Input, Interpolation
from plusx.nn.preprocess import Normalise, Preprocess, fit_to_input

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SIZES = [(40, 60), (60, 40), (48, 48), (33, 57), (8, 8), (1, 1), (1, 90), (91, 2), (500, 333), (47, 640)]
TIES = 0.25
"""Small sizes make many sums that end in exactly one half, which Pillow's own rounding of weights sends either way."""


def photo(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """Noise on a gradient: every frequency, and values at both ends of the range."""
    rng = np.random.default_rng(height * 1000 + width)
    ramp = np.linspace(-60, 315, height * width * channels).reshape(height, width, channels)
    return np.clip(ramp + rng.normal(0, 40, ramp.shape), 0, 255).astype(np.uint8)


def fitted(image: NDArray[np.uint8], card_input: Input) -> NDArray[Any]:
    """H, W, C → h, w, C."""
    out = fit_to_input(torch.from_numpy(image)[None], card_input)
    assert out.dtype == torch.float32
    assert out.shape == (1, image.shape[2], *card_input.size)
    assert torch.equal(out, out.round())
    return out[0].permute(1, 2, 0).numpy()


def assert_close(found: NDArray[Any], expected: NDArray[Any], largest: int, share: float) -> None:
    difference = np.abs(found - expected.astype(np.float32))
    assert difference.max() <= largest
    assert (difference > 0).mean() <= share


def slowly_resized(lines: NDArray[Any], after: int, radius: float, kernel: Callable[[float], float]) -> NDArray[Any]:
    """The first axis resized in double precision, output by output: Pillow's algorithm without its fixed point."""
    before = len(lines)
    scale = max(before / after, 1.0)
    out = np.empty((after, *lines.shape[1:]))
    for i in range(after):
        centre = (i + 0.5) * before / after
        first, last = int(max(centre - radius * scale, 0)), int(min(centre + radius * scale + 1, before))
        weights = np.array([kernel(abs(x + 0.5 - centre) / scale) for x in range(first, last)])
        out[i] = np.tensordot(weights / weights.sum(), lines[first:last].astype(np.float64), 1)
    return np.floor(out + 0.5 + 1e-9).clip(0, 255)


def triangle(t: float) -> float:
    return max(0.0, 1.0 - t)


def cubic(t: float) -> float:
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("after", [(28, 60), (130, 20)])  # of blocks of 56, the last one smaller
@pytest.mark.parametrize(("interpolation", "radius", "kernel"), [("bilinear", 1, triangle), ("bicubic", 2, cubic)])
def test_equals_a_slow_reference(
    size: tuple[int, int],
    after: tuple[int, int],
    interpolation: Interpolation,
    radius: float,
    kernel: Callable[[float], float],
) -> None:
    columns = slowly_resized(photo(*size).transpose(1, 0, 2), after[1], radius, kernel).transpose(1, 0, 2)
    expected = slowly_resized(columns, after[0], radius, kernel)
    found = fitted(photo(*size), Input(after, fit="squash", interpolation=interpolation))
    assert_close(found, expected, 1, 0.001)


class TestCrop:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize(("interpolation", "largest"), [("bilinear", 1), ("bicubic", 2)])
    def test_gives_the_pixels_of_pillow(
        self, size: tuple[int, int], interpolation: Interpolation, largest: int
    ) -> None:
        image = photo(*size)
        expected = np.asarray(CenterCrop(32)(Resize(37, InterpolationMode(interpolation))(Image.fromarray(image))))
        found = fitted(image, Input((32, 32), 37, "crop", interpolation))
        assert_close(found, expected, largest, TIES)

    @pytest.mark.skipif(not DATA.exists(), reason="needs the shared photos")
    @pytest.mark.parametrize(("interpolation", "largest", "share"), [("bilinear", 1, 0.005), ("bicubic", 2, 0.001)])
    def test_on_photos(self, interpolation: Interpolation, largest: int, share: float) -> None:
        files = [*sorted(DATA.glob("clothing/**/*.jpg"))[::120], *sorted(DATA.glob("coco-permissive/**/*.jpg"))[::40]]
        assert files
        for file in files:
            with Image.open(file) as opened:
                image = opened.convert("RGB")
            expected = np.asarray(CenterCrop(224)(Resize(256, InterpolationMode(interpolation))(image)))
            assert_close(fitted(np.array(image), Input(interpolation=interpolation)), expected, largest, share)

    def test_of_its_own_size_is_the_image(self) -> None:
        image = photo(32, 32)
        assert np.array_equal(fitted(image, Input((32, 32), 32)), image)

    def test_ties_go_up_as_in_pillow(self) -> None:
        image = np.tile(np.array([[0], [1]], np.uint8), (32, 64))[:, :, None]
        expected = np.asarray(Image.fromarray(image[:, :, 0]).resize((32, 32), Image.Resampling.BILINEAR))
        assert np.array_equal(fitted(image, Input((32, 32), 32, mean=(0.5,), std=(1.0,), order="L"))[:, :, 0], expected)

    def test_wider_than_the_resized_image_is_filled_with_the_mean(self) -> None:
        card_input = Input((32, 64), 40, mean=(0.0, 0.5, 1.0), std=(1.0, 1.0, 1.0))
        found = fitted(photo(40, 40), card_input)
        assert (found[:, :12] == (0, 128, 255)).all()
        assert (found[:, 52:] == (0, 128, 255)).all()
        assert np.array_equal(found[:, 12:52], photo(40, 40)[4:36])

    def test_of_a_very_long_image_needs_little_memory(self) -> None:
        assert fitted(np.full((1, 30_000, 3), 7, np.uint8), Input()).max() == 7


class TestSquash:
    @pytest.mark.parametrize("size", SIZES)
    def test_gives_the_pixels_of_pillow(self, size: tuple[int, int]) -> None:
        image = photo(*size)
        expected = np.asarray(Image.fromarray(image).resize((60, 28), Image.Resampling.BILINEAR))
        assert_close(fitted(image, Input((28, 60), fit="squash")), expected, 1, TIES)

    @pytest.mark.parametrize("size", SIZES)
    def test_nearest_takes_the_pixel_under_the_centre(self, size: tuple[int, int]) -> None:
        image = photo(*size)
        rows = (2 * np.arange(28) + 1) * size[0] // 56
        columns = (2 * np.arange(60) + 1) * size[1] // 120
        found = fitted(image, Input((28, 60), fit="squash", interpolation="nearest"))
        assert np.array_equal(found, image[rows][:, columns])


class TestPad:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("order", ["RGB", "BGR"])
    def test_centres_the_image_on_the_mean_colour(self, size: tuple[int, int], order: Any) -> None:
        height, width = size
        fitting = max(1, min(30, height * 70 // width)), max(1, min(70, width * 30 // height))
        resized = Image.fromarray(photo(height, width)).resize(fitting[::-1], Image.Resampling.BILINEAR)
        expected = np.full((30, 70, 3), (51, 102, 204), np.uint8)
        top, left = (30 - fitting[0]) // 2, (70 - fitting[1]) // 2
        expected[top : top + fitting[0], left : left + fitting[1]] = np.asarray(resized)
        mean = (0.2, 0.4, 0.8) if order == "RGB" else (0.8, 0.4, 0.2)
        assert_close(
            fitted(photo(height, width), Input((30, 70), fit="pad", mean=mean, order=order)), expected, 1, TIES
        )


class TestBatch:
    @pytest.mark.parametrize("fit", ["crop", "squash", "pad"])
    def test_is_each_image_on_its_own(self, fit: Fit) -> None:
        images = torch.from_numpy(np.stack([photo(50, 70), photo(50, 70)[::-1].copy(), photo(50, 70) // 2]))
        together = fit_to_input(images, Input((32, 32), 36, fit))
        assert torch.equal(
            together, torch.cat([fit_to_input(image[None], Input((32, 32), 36, fit)) for image in images])
        )


class TestNormalise:
    def test_is_the_formula(self) -> None:
        images = torch.randint(0, 256, (2, 3, 5, 4), dtype=torch.uint8)
        card_input = Input()
        mean, std = (torch.tensor(values)[:, None, None] for values in (card_input.mean, card_input.std))
        found = Normalise(card_input)(images)
        torch.testing.assert_close(found, (images / 255 - mean) / std, rtol=1e-6, atol=1e-6)
        assert torch.equal(found, Normalise(card_input)(images.float()))

    @pytest.mark.parametrize("order", ["RGB", "BGR"])
    @pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
    def test_is_the_same_whichever_way_images_lie(self, order: Any, dtype: torch.dtype) -> None:
        images = torch.randint(0, 256, (2, 3, 5, 4)).to(dtype)
        lying = images.contiguous(memory_format=torch.channels_last)
        found = Normalise(Input(order=order))(lying)
        assert torch.equal(found, Normalise(Input(order=order))(images))
        assert found.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(lying, images)

    def test_leaves_gradients_to_the_images(self) -> None:
        images = torch.rand(1, 3, 4, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
        normalise = Normalise(Input())
        [gradient] = torch.autograd.grad(normalise(images).sum(), images)
        assert torch.equal(gradient, normalise.scale.expand_as(images))

    def test_knows_bgr(self) -> None:
        images = torch.tensor([10, 20, 30], dtype=torch.uint8)[None, :, None, None]
        normalise = Normalise(Input(mean=(0.0, 0.0, 0.0), std=(1 / 255,) * 3, order="BGR"))
        torch.testing.assert_close(normalise(images).flatten(), torch.tensor([30.0, 20.0, 10.0]))

    def test_knows_grey(self) -> None:
        normalise = Normalise(Input(mean=(0.5,), std=(0.5,), order="L"))
        torch.testing.assert_close(normalise(torch.tensor([[[[0, 255]]]])), torch.tensor([[[[-1.0, 1.0]]]]))

    def test_adds_nothing_to_a_state_dict(self) -> None:
        assert Preprocess(Input()).state_dict() == {}


class Fitting(nn.Module):
    def __init__(self, card_input: Input) -> None:
        super().__init__()
        self.input = card_input

    def forward(self, images: Tensor) -> Tensor:
        return fit_to_input(images, self.input)


@pytest.mark.parametrize(
    "card_input",
    [
        Input((64, 30), 40, "crop", "bilinear"),
        Input((24, 40), fit="squash", interpolation="bicubic"),
        Input((30, 44), fit="pad", interpolation="nearest", order="BGR"),
    ],
    ids=lambda value: value.fit + "-" + value.interpolation,
)
def test_one_traced_graph_serves_all_sizes(card_input: Input) -> None:
    sizes = {0: Dim("batch"), 1: Dim("height"), 2: Dim("width")}
    example = torch.zeros(2, 61, 47, 3, dtype=torch.uint8)
    graph = torch.export.export(Fitting(card_input), (example,), dynamic_shapes={"images": sizes}).module()
    for size in SIZES:
        for count in (1, 3):
            images = torch.from_numpy(np.stack([photo(*size)] * count))
            assert torch.equal(graph(images), fit_to_input(images, card_input))
