"""Images without masks and masks without images: an error, or a finding for each, and nothing for what is excluded."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from plusx.core.errors import DataError
from plusx.core.finding import Finding
from plusx.data.formats.format import counted, shown
from plusx.data.formats.mask_folders import Place
from plusx.data.formats.options import ReadOptions
from plusx.data.images import printable

T = TypeVar("T")


class MaskFaults:
    """Of the data set in `root`. findings: of what was asked about so far."""

    def __init__(self, root: Path, options: ReadOptions) -> None:
        self.findings: list[Finding] = []
        self._options = options
        self._cut = len(os.path.join(root, ""))  # noqa: PTH118 - names, cut from their text

    def name(self, path: Path) -> str:
        """How reports call the file: its path below the root."""
        return printable(os.fspath(path)[self._cut :]).replace(os.sep, "/")

    def masks(self, place: Place, alone: Sequence[Path]) -> None:
        """Masks that belong to no image."""
        if wrong := self._wrong(alone):
            raise DataError(
                f"{counted(len(wrong), 'mask')} in {place.masks} without an image of the same name in {place.images}: "
                f"{shown([mask.name for mask in wrong])}. Expected cat.png for cat.jpg, also cat_mask.png or "
                "cat_seg.png. Add the images, or take the masks away."
            )
        advice = "Add the image, or take the mask away: training stops at it."
        self._add("mask-without-image", f"no image of the same name in {place.images}", advice, alone)

    def images(self, place: Place, without: Sequence[Path]) -> None:
        """Images that no mask belongs to."""
        if wrong := self._wrong(without):
            names = shown([path.name for path in wrong])
            raise DataError(
                f"{counted(len(wrong), 'image')} in {place.images} without a mask: {names}. Expected masks of the "
                f"same names in {place.masks}, e.g. {wrong[0].stem}.png or {wrong[0].stem}_mask.png. Add them, or "
                "take the images away."
            )
        advice = "Add the mask, or take the image away: training stops at it."
        self._add("image-without-mask", f"no mask of the same name in {place.masks}", advice, without)

    def layers(self, place: Place, without: Sequence[Path]) -> None:
        """Images without a mask of any class."""
        if wrong := self._wrong(without):
            names = shown([image.name for image in wrong])
            raise DataError(
                f"{counted(len(wrong), 'image')} in {place.images} without a mask of any class: {names}. Where nothing "
                f"is to be seen, say so with a black mask in one of the folders of {place.masks}; or take the images "
                "away."
            )
        advice = "Add a mask, black where nothing is to be seen, or take the image away: training stops at it."
        self._add("image-without-mask", f"no mask of any class in {place.masks}", advice, without)

    def kept(self, image: Path, target: Callable[[], T]) -> list[T]:
        """The target, in a list; none where its masks have another size, which is an error or a finding."""
        try:
            return [target()]
        except DataError as error:
            name = self.name(image)
            if self._options.broken == "error" and name not in self._options.exclude:
                raise
            advice = "Export the masks in the size of their images, or leave the image out: training stops at it."
            self.findings.append(Finding("mask-size", "error", str(error), advice, name, excluded=(name,)))
            return []

    def _wrong(self, paths: Sequence[Path]) -> list[Path]:
        """Those for which there has to be an error."""
        raising = self._options.broken == "error"
        return [path for path in paths if raising and self.name(path) not in self._options.exclude]

    def _add(self, code: str, what: str, advice: str, paths: Sequence[Path]) -> None:
        for name in map(self.name, paths):
            self.findings.append(Finding(code, "error", f"{name}: {what}", advice, name, excluded=(name,)))
