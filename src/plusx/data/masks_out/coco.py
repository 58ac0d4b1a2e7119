"""Writes regions of predicted masks as COCO JSON: annotations/instances_<split>.json, exact run lengths."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.masks import VOID
from plusx.core.storage import write_text
from plusx.data.boxes_out.coco import write_results
from plusx.data.masks_out.connected import connected
from plusx.data.masks_out.run_lengths import encoded

BACKGROUND = "background"
"""The class that is what no region covers."""


class Regions:
    """What is to be written of one mask after another. classes: by index; of `BACKGROUND` nothing is written."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._left_out = {index for index, name in enumerate(classes) if name == BACKGROUND} | {VOID}
        self._categories = [{"id": i + 1, "name": name} for i, name in enumerate(classes) if i not in self._left_out]
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []

    def add(self, file: str, values: NDArray[np.uint8]) -> None:
        """The image called `file` and its regions, (H, W) class indices. Ids are counted from 1."""
        numbers, labels = connected(values, self._left_out)
        size = list(values.shape)
        height, width = size
        self.images.append({"id": len(self.images) + 1, "file_name": file, "height": height, "width": width})
        for label, region in zip(labels.tolist(), encoded(numbers), strict=True):
            self.annotations.append(
                {
                    "id": len(self.annotations) + 1,
                    "image_id": len(self.images),
                    "category_id": label + 1,
                    "segmentation": {"size": size, "counts": region.counts},
                    "area": region.area,
                    "bbox": list(region.box),
                    "iscrowd": 0,
                }
            )

    def write(self, out: Path, split: str) -> None:
        """annotations/instances_<split>.json, and the same as results.json. StorageError where that is not possible."""
        content = {"images": self.images, "annotations": self.annotations, "categories": self._categories}
        (out / "annotations").mkdir(parents=True, exist_ok=True)
        write_text(out / "annotations" / f"instances_{split}.json", json.dumps(content, ensure_ascii=False) + "\n")
        write_results(out / "results.json", self.annotations, "segmentation")
