"""What a mask holds, found by reading it once. Needs no torch."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from plusx.core.errors import DataError
from plusx.core.masks import VOID, LazyMask, Mask, Masks
from plusx.data.masks import MaskFile, MaskLayers
from plusx.data.regions import MaskRegions, RegionLayers

Found = Mask | Masks | LazyMask
"""Targets that are masks."""


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """`problem`: "" or why it cannot be used. `classes`: the indices that occur. `void`: nothing in it counts.

    `height`, `width`: 0 where it cannot be used.
    """

    problem: str = ""
    height: int = 0
    width: int = 0
    classes: tuple[int, ...] = ()
    void: bool = False


def mask_facts(masks: Sequence[Found]) -> list[MaskFacts]:
    """Of each, in order: those of files several at a time, those of functions, which are the user's own, one by one."""
    if all(map(_of_files, masks)):
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            return list(pool.map(_facts, masks))
    return list(map(_facts, masks))


def _of_files(mask: Found) -> bool:
    match mask:
        case MaskFile(source=source):
            return not callable(source)
        case MaskLayers() | MaskRegions() | RegionLayers() | Mask() | Masks():
            return True
    return False


def _facts(mask: Found) -> MaskFacts:
    try:
        loaded = mask.load() if isinstance(mask, LazyMask) else mask
    except DataError as error:
        return MaskFacts(str(error))
    values = loaded.values
    height, width = values.shape[-2:]
    classes = _layers(values) if isinstance(loaded, Masks) else np.flatnonzero(np.bincount(values.ravel())).tolist()
    return MaskFacts("", height, width, tuple(k for k in classes if k != VOID), bool((values == VOID).all()))


def _layers(values: np.ndarray) -> Iterable[int]:
    return np.flatnonzero((values == 1).any(axis=(1, 2))).tolist()
