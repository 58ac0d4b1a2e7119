"""Pictures of rectangles in pure colours, their boxes and masks, to see whether both stay together."""

import numpy as np
from numpy.typing import NDArray

from plusx.core.masks import VOID, Mask
from plusx.core.targets import Boxes

COLOURS = np.array([(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), (250, 0, 250)], dtype=np.uint8)
"""By class; the ground is black, which is the class after the last in masks."""
GROUND = len(COLOURS)


def painted(height: int, width: int, seed: int = 0, shift: int = 0) -> tuple[NDArray[np.uint8], Boxes, Mask]:
    """Six rectangles apart from each other, one a class, in a grid of 2 × 3; shift: moves the classes on."""
    rng = np.random.default_rng(seed)
    image, values = np.zeros((height, width, 3), np.uint8), np.full((height, width), GROUND, np.uint8)
    corners = []
    for number in range(6):
        row, column = divmod(number, 3)
        h, w = height // 2, width // 3
        y, x = row * h + rng.integers(1, h // 4 + 1), column * w + rng.integers(1, w // 4 + 1)
        y2, x2 = y + rng.integers(h // 4, h // 2 + 1), x + rng.integers(w // 4, w // 2 + 1)
        label = (number + shift) % 6
        image[y:y2, x:x2] = COLOURS[label]
        values[y:y2, x:x2] = label
        corners.append((x, y, x2, y2))
    return image, Boxes.of(corners, [(number + shift) % 6 for number in range(6)]), Mask(values)


def seen(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(3, h, w) → (h, w): the class of every pixel's colour; GROUND for black, VOID for anything else."""
    near = np.abs(picture.astype(int)[:, None] - np.append(COLOURS, [[0, 0, 0]], axis=0).T[:, :, None, None]).max(0)
    return np.where(near.min(0) < 125, near.argmin(0), VOID).astype(np.uint8)


def surroundings(found: NDArray[np.uint8], label: int) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 of all pixels of a class, of which there has to be one."""
    rows, columns = (found == label).nonzero()
    assert len(rows), f"no pixel of class {label}"
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
