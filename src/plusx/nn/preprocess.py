"""From uint8 images of any size to the network's input, in operations that every runtime computes alike.

Resampling is linear along each axis, so it is written as matrix products, columns first and then rows, each followed
by rounding to 8 bits: what Pillow does, and what published weights were evaluated with. A matrix holds only the rows
and columns that the crop keeps. Distances between pixels are whole numbers until the last division, so that torch and
an exported file fill the same matrices; what is zero in them torch leaves out of more products than an exported file
does, and a sum that ends within TIE_MARGIN of a half may round otherwise: 5 values of 11 million did, by one grey
level. Sizes may be symbolic: there is no branch on them.

The arithmetic is that of Pillow's `resize` up to version 12, with which published weights were evaluated: the widths
first (columns), the result in 8 bits, then the heights (rows). The order shows, since the rounding between the passes
is another. Pillow 13 (pull request 9549) does the heights first where that is less work: seen with 13.0.0 on images
more than about twice as high as wide, and on those that a squash shrinks more in height than in width. On noise a
fifth of their values then differ from ours, by 1 grey level with bilinear and by up to 10 with bicubic filters.
"nearest" has no passes and no rounding. The Pillow that is installed only decodes: in evaluation, prediction and
exported files it has no part in what the network sees.

Every image is RGB (or has one grey channel) up to `Normalise`, which alone knows about BGR.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn

from plusx.core.card import Input, Interpolation
from plusx.core.view import View

CUBIC_A = -0.5  # Keys 1981, eq. 7: the only value with third-order accuracy; Pillow's choice as well
TIE_MARGIN = 2.0**-13  # in grey levels; above the error of a float32 sum, so that exact ties go up everywhere
RADIUS = {"nearest": 1, "bilinear": 1, "bicubic": 2}  # half width of the filter, in pixels of the coarser grid
LARGEST = 2**31 - 1
BLOCK = 56  # outputs that share one stretch of pixels: few products, and few of their weights are zero


def fit_to_input(images: Tensor, input: Input) -> Tensor:  # noqa: A002 - the card's word
    """Resized, rounded to 8 bits and cut to `input.size` as the card says.

    images: B, H, W, C uint8, any H and W ≥ 1. Returns B, C, h, w float32 with whole values 0..255, channels in the
    order they came in. Where a padded or too small image leaves room, the mean colour rounded to 8 bits stands.
    """
    return shown(images, view_of(images.shape[1], images.shape[2], input), input)


def shown(images: Tensor, view: View, input: Input) -> Tensor:  # noqa: A002
    """`fit_to_input` where the view is known already."""
    rows = _Axis(view.height, view.resized[0], view.top, view.size[0])
    columns = _Axis(view.width, view.resized[1], view.left, view.size[1])
    x = _to_8_bits(torch.cat([_columns(images, block, input.interpolation) for block in columns.blocks()], dim=3))
    x = _to_8_bits(_rows(x, rows, input.interpolation))
    if not _may_leave_room(input):
        return x
    covered = _covered(rows, images.device)[:, None] & _covered(columns, images.device)[None, :]
    return torch.where(covered, x, mean_colour(input, images.device))


class Normalise(nn.Module):
    """`(x / 255 - mean) / std` per channel, in the channel order of the network."""

    scale: Tensor
    shift: Tensor

    def __init__(self, input: Input) -> None:  # noqa: A002
        super().__init__()
        mean, std = torch.tensor(input.mean, dtype=torch.float64), torch.tensor(input.std, dtype=torch.float64)
        self.reverse = input.order == "BGR"
        self.register_buffer("scale", (1 / (255 * std)).float()[:, None, None], persistent=False)
        self.register_buffer("shift", (-mean / std).float()[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """images: B, C, H, W, 0..255, uint8 or float, RGB or one channel. Returns float32 of the same shape."""
        x = (images.flip(1) if self.reverse else images).to(torch.float32)
        if _recorded():
            return x * self.scale + self.shift
        if x.device.type != "cpu" or x.shape[1] == 1 or not x.is_contiguous(memory_format=torch.channels_last):
            return (x * self.scale if x is images else x.mul_(self.scale)).add_(self.shift)
        rows = x.permute(0, 2, 3, 1).flatten(2)  # three channels fill no vector instruction: whole rows do
        scale, shift = (value.flatten().repeat(x.shape[3]) for value in (self.scale, self.shift))
        rows = (rows * scale if x is images else rows.mul_(scale)).add_(shift)
        return rows.unflatten(2, (x.shape[3], x.shape[1])).permute(0, 3, 1, 2)


class Preprocess(nn.Module):
    """The whole way from decoded images to the network: B, H, W, C uint8 → B, C, h, w float32, normalised."""

    def __init__(self, input: Input) -> None:  # noqa: A002
        super().__init__()
        self.input = input
        self.normalise = Normalise(input)

    def forward(self, images: Tensor) -> tuple[Tensor, View]:
        """The network's input, and how it shows the images."""
        view = view_of(images.shape[1], images.shape[2], self.input)
        return self.normalise(shown(images, view, self.input)), view


def _recorded() -> bool:
    """Whether a graph is being made of what is computed."""
    return torch.compiler.is_compiling() or torch.compiler.is_exporting() or torch.jit.is_tracing()


@dataclass(frozen=True)
class _Axis:
    """`length` output pixels along one axis, from `start` on, of an image resized from `before` to `after` pixels."""

    before: int
    after: int
    start: int  # negative where the output begins before the resized image
    length: int

    def blocks(self) -> list["_Axis"]:
        """The same outputs in stretches of at most BLOCK."""
        starts = range(0, self.length, BLOCK)
        return [replace(self, start=self.start + s, length=min(BLOCK, self.length - s)) for s in starts]

    def reach(self, radius: int) -> tuple[int, int]:
        """First and number of the input pixels within which the filters of all outputs lie."""
        width = 2 * radius * _greatest(self.before, self.after)
        count = _least(((self.length - 1) * self.before + width) // self.after + 3, self.before)
        first = _greatest((2 * self.start + 1) * self.before - width, 0) // (2 * self.after)
        count = _size(count, 1, self.before)
        return _size(_least(first, self.before - count), 0, self.before - count), count


def _least(a: int, b: int) -> int:
    """min, without a branch where sizes are symbolic."""
    return cast(int, torch.sym_min(a, b))


def _greatest(a: int, b: int) -> int:
    return cast(int, torch.sym_max(a, b))


def _size(value: int, smallest: int, largest: int) -> int:
    """`value`, under export as a symbol of its own.

    The exporter reasons about every size with computer algebra: it would take minutes over the nested formulas, and
    would bind the file to properties that only the example image has.
    """
    if not torch.compiler.is_exporting():
        return value
    symbol = cast(int, torch.scalar_tensor(value, dtype=torch.int64).item())
    torch._check(symbol >= smallest)
    torch._check(symbol <= largest)
    return symbol


def view_of(height: int, width: int, input: Input) -> View:  # noqa: A002
    """How the input shows an image of that size. Sizes round down and centres to even, as in the evaluation code of
    published weights.
    """
    h, w = input.size
    match input.fit:
        case "crop":
            short = _least(height, width)
            resized = input.resize * height // short, input.resize * width // short
        case "squash":
            resized = h, w
        case "pad":
            fitting = _least(h, height * w // width), _least(w, width * h // height)
            resized = _greatest(1, fitting[0]), _greatest(1, fitting[1])
    resized = _size(resized[0], 1, LARGEST), _size(resized[1], 1, LARGEST)
    return View(height, width, resized, _centre(resized[0], h), _centre(resized[1], w), (h, w))


def _centre(size: int, window: int) -> int:
    """Where a centred window begins: half of what is left over, a half pixel rounded to even.

    Division of negative integers differs between runtimes, so both signs are computed from positive ones.
    """
    over, under = _greatest(size - window, 0), _greatest(window - size, 0)
    return (over + over // 2 % 2) // 2 - under // 2


def _columns(images: Tensor, columns: _Axis, interpolation: Interpolation) -> Tensor:
    """The columns (B, C, H, length) of the resized images (B, H, W, C), from the stretch of pixels they depend on."""
    first, count = columns.reach(RADIUS[interpolation])
    pixels = images.narrow(2, first, count).permute(0, 3, 1, 2)
    weights = _weights(columns, first, count, interpolation, images.device)
    return pixels.to(torch.float32, memory_format=torch.contiguous_format) @ weights.T


def _rows(images: Tensor, rows: _Axis, interpolation: Interpolation) -> Tensor:
    """The rows (B, C, length, w) of the resized `images` (B, C, H, w), each block from the stretch it depends on.

    In an exported file all from all: ONNX Runtime is no faster with blocks, and opens a file with more nodes later.
    """
    if torch.compiler.is_exporting():
        return _weights(rows, 0, rows.before, interpolation, images.device) @ images
    found = []
    for block in rows.blocks():
        first, count = block.reach(RADIUS[interpolation])
        weights = _weights(block, first, count, interpolation, images.device)
        found.append(weights @ images.narrow(2, first, count))
    return torch.cat(found, dim=2)


def _weights(axis: _Axis, first: int, count: int, interpolation: Interpolation, device: torch.device) -> Tensor:
    """As `_computed`, which many images of one size share; a graph that is being recorded has it inside."""
    if _recorded():
        return _computed(axis, first, count, interpolation, device)
    return _shared(axis, first, count, interpolation, device)


@lru_cache(maxsize=256)
def _shared(axis: _Axis, first: int, count: int, interpolation: Interpolation, device: torch.device) -> Tensor:
    """Outside of inference mode, whose tensors would be of no use to whoever asks next."""
    with torch.inference_mode(False):
        return _computed(axis, first, count, interpolation, device)


def _computed(axis: _Axis, first: int, count: int, interpolation: Interpolation, device: torch.device) -> Tensor:
    """The matrix (length, count) from `count` input pixels, `first` and following, to the outputs. Rows sum to 1.

    With pixel centres at x + 1/2, output i lies at (i + 1/2) · before / after, and the filter is as wide as the
    larger of both pixels. Times 2 · after all of this is whole. Outputs outside the image repeat its edge.
    """
    outputs = (torch.arange(axis.length, device=device) + axis.start)[:, None]
    outputs = torch.minimum(outputs.clamp(min=0), torch.full_like(outputs, axis.after - 1))
    pixels = (torch.arange(count, device=device) + first)[None, :]
    distance = (2 * pixels + 1) * axis.after - (2 * outputs + 1) * axis.before
    if interpolation == "nearest":
        return ((distance > -axis.after) & (distance <= axis.after)).to(torch.float32)
    t = distance.abs().to(torch.float32) / (2 * _greatest(axis.before, axis.after))
    weights = _triangle(t) if interpolation == "bilinear" else _cubic(t)
    return weights / weights.sum(1, keepdim=True)


def _triangle(t: Tensor) -> Tensor:
    return (1 - t).clamp(min=0)


def _cubic(t: Tensor) -> Tensor:
    """Keys' cubic convolution kernel (1981, eq. 4) at distance t ≥ 0."""
    near = ((CUBIC_A + 2) * t - (CUBIC_A + 3)) * t * t + 1
    far = CUBIC_A * (((t - 5) * t + 8) * t - 4)
    return torch.where(t < 1, near, torch.where(t < 2, far, torch.zeros_like(t)))


def _to_8_bits(x: Tensor) -> Tensor:
    """x, which nobody else needs, rounded."""
    if not (_recorded() or x.requires_grad):
        return x.add_(0.5 + TIE_MARGIN).floor_().clamp_(0, 255)
    return (x + (0.5 + TIE_MARGIN)).floor().clamp(0, 255)


def _may_leave_room(input: Input) -> bool:  # noqa: A002
    return input.fit == "pad" or (input.fit == "crop" and max(input.size) > input.resize)


def _covered(axis: _Axis, device: torch.device) -> Tensor:
    """Which of the outputs lie inside the resized image: (length,) bool."""
    outputs = torch.arange(axis.length, device=device) + axis.start
    return (outputs >= 0) & (outputs < axis.after)


def mean_colour(input: Input, device: torch.device) -> Tensor:  # noqa: A002
    """What stands where a padded image leaves room: (C, 1, 1) float32, whole values 0..255, in the images' order."""
    mean = torch.tensor(input.mean, device=device)[:, None, None]
    return _to_8_bits(255 * (mean.flip(0) if input.order == "BGR" else mean))
