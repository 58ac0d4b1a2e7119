"""Every operation beside Pillow's, which published policies were trained with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torch import Tensor
from torch.nn import functional as F

from plusx.data.augment.pixels.affine import NEAREST, Sampling
from plusx.data.augment.pixels.operations import MOVING, NAMES, perform

Reference = Callable[[Image.Image, float], Image.Image]


def _images(count: int, channels: int, height: int = 37, width: int = 53) -> Tensor:
    """Smooth ones of few levels and many, one of noise, one flat."""
    generator = torch.Generator().manual_seed(height + channels)
    small = torch.randint(0, 256, (count, channels, 9, 13), generator=generator).float()
    images = F.interpolate(small, size=(height, width), mode="bicubic").clamp(0, 255).to(torch.uint8)
    images[0] = torch.randint(0, 256, images[0].shape, generator=generator)
    images[1] = images[1] // 3 + 40
    images[2] = 77
    images[3] = images[3] // 100 * 100
    return images


def _pillow(image: Tensor) -> Image.Image:
    array = image.permute(1, 2, 0).numpy()
    return Image.fromarray(array if array.shape[2] == 3 else array[:, :, 0])


def _tensor(image: Image.Image) -> Tensor:
    array = np.array(image)
    return torch.from_numpy(array if array.ndim == 3 else array[:, :, None]).permute(2, 0, 1)


def _enhanced(kind: Any) -> Reference:
    return lambda image, value: kind(image).enhance(value)


def _moved(*rows: Callable[[float], float]) -> Callable[[Image.Resampling], Reference]:
    def with_filter(resample: Image.Resampling) -> Reference:
        return lambda image, value: image.transform(
            image.size, Image.Transform.AFFINE, tuple(row(value) for row in rows), resample=resample
        )

    return with_filter


def _number(value: float) -> Callable[[float], float]:
    return lambda _: value


_ONE, _NONE = _number(1), _number(0)
_MOVES = {
    "shear-x": _moved(_ONE, lambda v: v, _NONE, _NONE, _ONE, _NONE),
    "shear-y": _moved(_ONE, _NONE, _NONE, lambda v: v, _ONE, _NONE),
    "translate-x": _moved(_ONE, _NONE, lambda v: -v, _NONE, _ONE, _NONE),
    "translate-y": _moved(_ONE, _NONE, _NONE, _NONE, _ONE, lambda v: -v),
    "rotate": lambda resample: lambda image, value: image.rotate(value, resample=resample),
}
_COLOURS: dict[str, tuple[Reference, tuple[float, float]]] = {
    "brightness": (_enhanced(ImageEnhance.Brightness), (0, 2)),
    "saturation": (_enhanced(ImageEnhance.Color), (0, 2)),
    "contrast": (_enhanced(ImageEnhance.Contrast), (0, 2)),
    "sharpness": (_enhanced(ImageEnhance.Sharpness), (0, 2)),
    "posterize": (lambda image, value: ImageOps.posterize(image, int(value)), (1, 9)),
    "solarize": (lambda image, value: ImageOps.solarize(image, value), (0, 257)),  # type: ignore[arg-type]
    "solarize-add": (
        lambda image, value: image.point(
            [min(255, i + int(value)) if i < 128 else i for i in range(256)] * _bands(image)
        ),
        (0, 110),
    ),
    "equalize": (lambda image, _: ImageOps.equalize(image), (0, 1)),
    "invert": (lambda image, _: ImageOps.invert(image), (0, 1)),
    "greyscale": (lambda image, _: image.convert("L").convert(image.mode), (0, 1)),
}
_STRENGTHS = {"shear-x": 0.9, "shear-y": 0.9, "translate-x": 20, "translate-y": 20, "rotate": 180}


def _bands(image: Image.Image) -> int:
    return len(image.getbands())


def _both(name: str, reference: Reference, images: Tensor, values: np.ndarray, sampling: Sampling) -> Tensor:
    """How far apart the levels are."""
    ours = perform(images, [name] * len(images), values, sampling)
    theirs = [_tensor(reference(_pillow(image), float(value))) for image, value in zip(images, values, strict=True)]
    assert ours.dtype == torch.uint8
    return (ours.int() - torch.stack(theirs).int()).abs()


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("name", _COLOURS)
def test_colours_and_levels_are_those_of_pillow(name: str, channels: int) -> None:
    reference, (low, high) = _COLOURS[name]
    values = np.random.default_rng(1).uniform(low, high, 12)
    values = np.floor(values) if name in ("posterize", "solarize", "solarize-add") else values
    assert int(_both(name, reference, _images(12, channels), values, NEAREST).max()) == 0


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("name", _MOVES)
def test_moves_are_those_of_pillow(name: str, channels: int) -> None:
    values = np.random.default_rng(2).uniform(-1, 1, 12) * _STRENGTHS[name]
    images = _images(12, channels)
    nearest = _both(name, _MOVES[name](Image.Resampling.NEAREST), images, values, NEAREST)
    assert int(nearest.max()) == 0
    bilinear = _both(name, _MOVES[name](Image.Resampling.BILINEAR), images, values, Sampling("bilinear"))
    assert int(bilinear.max()) <= 1
    assert float((bilinear > 0).float().mean()) < 0.03


def test_autocontrast_is_within_one_level_of_pillow() -> None:
    apart = _both("autocontrast", lambda image, _: ImageOps.autocontrast(image), _images(12, 3), np.zeros(12), NEAREST)
    assert int(apart.max()) <= 1
    assert float((apart > 0).float().mean()) < 0.02


def test_blur_is_near_that_of_pillow_and_that_of_the_formula() -> None:
    """Pillow's is three box filters; the formula is a slow sum over all pixels."""
    images, values = _images(8, 3), np.linspace(0.1, 2, 8)
    apart = _both("gaussian-blur", lambda i, v: i.filter(ImageFilter.GaussianBlur(v)), images[4:], values[4:], NEAREST)
    assert float(apart.float().mean()) < 1
    ours = perform(images, ["gaussian-blur"] * 8, values, NEAREST)
    for image, sigma, blurred in zip(images, values, ours, strict=True):
        weights = np.exp(-0.5 * (np.arange(-30, 31) / sigma) ** 2)
        wide = np.pad(image.numpy().astype(float), ((0, 0), (30, 30), (30, 30)), mode="edge")
        rows = np.apply_along_axis(np.convolve, 2, wide, weights / weights.sum(), mode="valid")
        both = np.apply_along_axis(np.convolve, 1, rows, weights / weights.sum(), mode="valid")
        assert np.abs(both - blurred.numpy()).max() < 1.5


def test_no_bits_are_black_and_more_than_eight_the_image() -> None:
    images = _images(4, 3)
    done = perform(images, ["posterize"] * 4, np.array([0.0, 8, 9, 1]), NEAREST)
    assert int(done[0].max()) == 0
    assert torch.equal(done[1:3], images[1:3])
    assert set(done[3].unique().tolist()) <= {0, 128}


def test_what_lies_outside_is_filled() -> None:
    for interpolation in ("nearest", "bilinear"):
        sampling = Sampling(interpolation, (10, 20, 30))
        done = perform(_images(4, 3), ["translate-x"] * 4, np.full(4, 5.0), sampling)
        assert done[:, :, :, :5].unique(dim=0).tolist() == [[[[c] * 5] * 37 for c in (10, 20, 30)]]
        grey = perform(_images(4, 1), ["translate-y"] * 4, np.full(4, 5.0), sampling)
        assert grey[:, :, :5].unique().tolist() == [18]  # 0.299 · 10 + 0.587 · 20 + 0.114 · 30


def test_every_image_gets_its_own_operation() -> None:
    images = _images(len(NAMES) * 2, 3)
    names = [*NAMES, *reversed(NAMES)]
    values = np.random.default_rng(0).uniform(0.1, 0.9, len(names))
    before = images.clone()
    together = perform(images, names, values, NEAREST)
    alone = [perform(images[i : i + 1], names[i : i + 1], values[i : i + 1], NEAREST) for i in range(len(names))]
    assert torch.equal(together, torch.cat(alone))
    assert torch.equal(images, before)
    assert torch.equal(together[names.index("identity")], images[names.index("identity")])


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3)])
def test_tiny_images(size: tuple[int, int]) -> None:
    images = torch.randint(0, 256, (len(NAMES), 3, *size), dtype=torch.uint8)
    assert perform(images, NAMES, np.full(len(NAMES), 0.5), NEAREST).shape == images.shape
    assert perform(images, list(MOVING) + ["rotate"] * 13, np.full(18, 0.5), Sampling("bilinear")).shape == images.shape
