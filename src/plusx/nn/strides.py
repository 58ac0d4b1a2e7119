"""Strides beyond an output stride, traded for dilation; and strides left out for small images.

Where a stride is taken away, every later kernel is spread by its factor, so that on the coarse grid the outputs stay
what they were: the hole algorithm of Chen et al. 2014 (arXiv 1412.7062), section 3.1.
"""

from dataclasses import dataclass
from typing import final


@dataclass(frozen=True)
class Step:
    """One block's way through the input: `stride` is what is left of the stride; kernels up to and with the one that
    had it are spread by `dilation`, those after it by `dilation_after`."""

    stride: int = 1
    dilation: int = 1
    dilation_after: int = 1


@final
class Strides:
    """Goes from input to output and says what each stride becomes, so that the total never exceeds `output_stride`.

    `left_out`: that many of the first strides above 1 become 1, without dilation: what networks for large images do to
    take images of about 32 pixels. `spread_strided`: the kernel that had a stride is spread with those after it.
    """

    def __init__(self, output_stride: int, left_out: int = 0, *, spread_strided: bool = False) -> None:
        self.output_stride = output_stride
        self.spread_strided = spread_strided
        self.left_out = left_out
        self.reached = 1
        self.dilation = 1

    def take(self, stride: int) -> Step:
        """The next block wants `stride`."""
        before = self.dilation
        if stride > 1 and self.left_out:
            self.left_out -= 1
            return Step(1, before, before)
        if self.reached * stride > self.output_stride:
            self.dilation *= stride
            return Step(1, self.dilation if self.spread_strided else before, self.dilation)
        self.reached *= stride
        return Step(stride, before, before)
