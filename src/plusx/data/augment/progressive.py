"""Progressive resizing: training begins on small images, which cost less, and ends on whole ones.

Howard 2018, fast.ai's entry to DAWNBench (fast.ai/posts/2018-04-30-dawnbench-fastai.html); form and defaults are
those of MosaicML's Composer (`ProgressiveResizing`).
"""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from plusx.core.batch import Batch
from plusx.core.errors import InputError


@dataclass(frozen=True)
class Progressive:
    """The side grows from `first` of the whole one: not before the share `delay` of the run, and up to `until`.

    Sides are multiples of `multiple` pixels, so that there are few of them. The size holds for a whole epoch: what
    counts is the share of the run at its end, so that the last epoch always has whole images.
    """

    first: float = 0.5
    delay: float = 0.5
    until: float = 0.8
    multiple: int = 32

    def __post_init__(self) -> None:
        if not 0 < self.first <= 1:
            raise InputError(f"Progressive first {self.first} must be a part of the side, above 0, at most 1")
        if not 0 <= self.delay <= self.until <= 1 or self.multiple < 1:
            raise InputError(
                f"Progressive delay {self.delay} and until {self.until} must be shares of the run, delay ≤ until, and "
                f"multiple {self.multiple} at least 1 pixel"
            )

    def side(self, whole: int, passed: float) -> int:
        """Pixels at the share `passed` of the run, 0..1, where the whole side has `whole`."""
        if passed >= self.until:
            return whole
        grown = max(0.0, passed - self.delay) / (self.until - self.delay) if passed > self.delay else 0.0
        scaled = whole * (self.first + (1 - self.first) * grown)
        return min(whole, max(1, round(scaled / self.multiple)) * self.multiple)

    def apply(self, batch: Batch, passed: float) -> Batch:
        """uint8 images B, C, H, W, resized with an antialiased filter and rounded. Targets stay."""
        height, width = batch.images.shape[-2:]
        size = self.side(height, passed), self.side(width, passed)
        if size == (height, width):
            return batch
        small = F.interpolate(batch.images.float(), size=size, mode="bilinear", antialias=True)
        return replace(batch, images=small.round_().clamp_(0, 255).to(torch.uint8))

    def sides(self, whole: int, epochs: int) -> tuple[int, ...]:
        """That of every epoch."""
        return tuple(self.side(whole, (epoch + 1) / epochs) for epoch in range(epochs))
