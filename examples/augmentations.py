"""The picture of docs/augmentation.md: the same eight photos under every policy of `--augment`, a row each.

    python examples/augmentations.py ../shared/data/clothing/train docs/augmentation.jpg

The photos are those of the clothing data set (github.com/alexeygrigorev/clothing-dataset-small), which is CC0.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from plusx.data.augment.pixels.pixel_augment import in_turn
from plusx.workflows.augmenting import AUGMENTATIONS

PHOTOS, SIDE, GAP, LABEL = 8, 72, 3, 104


def photos(folder: Path) -> Tensor:
    """uint8 PHOTOS, 3, SIDE, SIDE: the first of as many classes, cut to a square."""
    firsts = [next(iter(sorted(one.glob("*.jpg")))) for one in sorted(folder.iterdir()) if one.is_dir()][:PHOTOS]
    found = []
    for path in firsts:
        image = Image.open(path).convert("RGB")
        edge = min(image.size)
        left, top = (image.width - edge) // 2, (image.height - edge) // 2
        small = image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, left + edge, top + edge))
        found.append(torch.from_numpy(np.array(small)).permute(2, 0, 1))
    return torch.stack(found)


def sheet(images: Tensor) -> Image.Image:
    """A row for every policy, its name on the left."""
    step = SIDE + GAP
    page = Image.new("RGB", (LABEL + step * PHOTOS, step * len(AUGMENTATIONS) - GAP), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for row, (name, policy) in enumerate(AUGMENTATIONS.items()):
        pen.text((6, row * step + SIDE // 2), name, fill="black", font=font, anchor="lm")
        done = in_turn(policy, images, torch.Generator().manual_seed(7))
        for column, image in enumerate(done):
            page.paste(Image.fromarray(image.permute(1, 2, 0).numpy()), (LABEL + column * step, row * step))
    return page


if __name__ == "__main__":
    sheet(photos(Path(sys.argv[1]))).save(sys.argv[2], quality=52, optimize=True, progressive=True)
