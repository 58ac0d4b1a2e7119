"""Small data sets with something to learn: the class is the colour."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLOURS = {"green": (40, 200, 40), "red": (200, 40, 40), "蓝色": (40, 40, 200)}


def picture(colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (40, 48)) -> NDArray[np.uint8]:
    """Noise around a colour, H × W × 3."""
    noise = np.random.default_rng(seed).integers(-40, 40, (*size, 3))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


def colour_folder(root: Path, per_class: int = 12) -> Path:
    """root/<colour>/<number>.png"""
    for index, (name, colour) in enumerate(COLOURS.items()):
        (root / name).mkdir(parents=True)
        for number in range(per_class):
            Image.fromarray(picture(colour, 100 * index + number)).save(root / name / f"{number}.png")
    return root
