"""Operations by name, and one of them for every image of a batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plusx.data.augment.pixels.affine import (
    Sampling,
    resample,
    rotate,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
)
from plusx.data.augment.pixels.colours import brightness, contrast, greyscale, saturation
from plusx.data.augment.pixels.levels import autocontrast, equalize, invert, posterize, solarize, solarize_add
from plusx.data.augment.pixels.surroundings import gaussian_blur, sharpness

Operation: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""uint8 n, C, H, W and a value for each image, float32 (n,); gives new images."""

IDENTITY: Final = "identity"

COLOURING: Final[Mapping[str, Operation]] = {
    "brightness": brightness,
    "saturation": saturation,
    "contrast": contrast,
    "sharpness": sharpness,
    "posterize": posterize,
    "solarize": solarize,
    "solarize-add": solarize_add,
    "autocontrast": autocontrast,
    "equalize": equalize,
    "invert": invert,
    "gaussian-blur": gaussian_blur,
    "greyscale": greyscale,
}

MOVING: Final[Mapping[str, Callable[[float, int, int], tuple[float, ...]]]] = {
    "shear-x": shear_x,
    "shear-y": shear_y,
    "translate-x": translate_x,
    "translate-y": translate_y,
    "rotate": rotate,
}
"""(value, height, width) → the map of `affine`."""

NAMES: Final = (IDENTITY, *COLOURING, *MOVING)

AT_ONCE: Final = 1 << 19
"""Numbers that a CPU works on at once: what it computes in between stays in its cache."""


def perform(images: Tensor, names: Sequence[str], values: NDArray[np.float64], sampling: Sampling) -> Tensor:
    """Operation names[i] with values[i] on image i: uint8 B, C, H, W, contiguous. Images with the same one go together,
    and all that are moved are resampled together.
    """
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        groups.setdefault("moved" if name in MOVING else name, []).append(index)
    done: list[Tensor] = []
    order: list[int] = []
    for name, members in groups.items():
        for part in portions(members, images):
            chosen = images.index_select(0, torch.tensor(part, device=images.device))
            done.append(_changed(chosen, name, [names[i] for i in part], values[part], sampling))
            order += part
    back = np.argsort(np.array(order, dtype=np.int64))
    return torch.cat(done).index_select(0, torch.from_numpy(back).to(images.device))


def _changed(
    images: Tensor, group: str, names: Sequence[str], values: NDArray[np.float64], sampling: Sampling
) -> Tensor:
    if group == IDENTITY:
        return images
    if group == "moved":
        height, width = images.shape[-2:]
        maps = [MOVING[name](float(value), height, width) for name, value in zip(names, values, strict=True)]
        return resample(images, np.array(maps, dtype=np.float64), sampling)
    return COLOURING[group](images, torch.tensor(values, dtype=torch.float32, device=images.device))


def portions(members: list[int], images: Tensor) -> list[list[int]]:
    """On a CPU a few images at a time; elsewhere all of them."""
    if images.device.type != "cpu":
        return [members]
    size = max(1, AT_ONCE // images[0].numel())
    return [members[start : start + size] for start in range(0, len(members), size)]
