import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from plusx.data.colour import ColourChange, recolour


def _photo() -> NDArray[np.uint8]:
    """Smooth and far from 0 and 255, so that nothing is clamped on the way."""
    y, x = np.mgrid[0:20, 0:30]
    return np.stack([100 + y, 110 + x, 140 - y], axis=2).astype(np.uint8)


def _planes(image: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)


def test_no_change_changes_nothing() -> None:
    image = torch.randint(0, 256, (3, 9, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(recolour(image, ColourChange()), image)


@pytest.mark.parametrize("change", [(1.2, 1.0, 1.0), (1.0, 0.6, 1.0), (1.0, 1.0, 0.3), (0.8, 1.3, 1.4)])
def test_is_what_pillow_does_step_by_step(change: tuple[float, float, float]) -> None:
    expected = Image.fromarray(_photo())
    expected = ImageEnhance.Brightness(expected).enhance(change[0])
    expected = ImageEnhance.Contrast(expected).enhance(change[1])
    expected = ImageEnhance.Color(expected).enhance(change[2])
    found = recolour(_planes(_photo()), ColourChange(*change))
    assert found.dtype == torch.uint8
    difference = (found.int() - _planes(np.array(expected)).int()).abs().max()
    assert difference <= 3  # Pillow cuts off fractions three times


def test_grey_images_keep_one_channel_and_ignore_saturation() -> None:
    image = torch.tensor([[[100, 200]]], dtype=torch.uint8)
    torch.testing.assert_close(recolour(image, ColourChange(saturation=0.0)), image)
    torch.testing.assert_close(recolour(image, ColourChange(contrast=0.0)), torch.full_like(image, 150))


def test_clamped_at_both_ends() -> None:
    image = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    torch.testing.assert_close(recolour(image, ColourChange(contrast=2.0)), image)
