"""What was found beside what is there, as small pictures for the report. Needs Pillow and no torch."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from plusx.report.overlay import INK, PAPER, Colour, Font, Lettering, Rectangle, painted

Verdict: TypeAlias = Literal["right", "missed", "wrong"]

COLOURS: Final[dict[Verdict, Colour]] = {"right": (86, 180, 233), "missed": (240, 228, 66), "wrong": (255, 120, 60)}
"""Told apart by the colour-blind too; what was missed is dashed as well."""

SIDE: Final = 560  # pixels of the long side
LETTERS: Final = 14
GAP: Final = 6


@dataclass(frozen=True, slots=True)
class Judged:
    """One box, corners in pixels of the image; the class is written beside all but the right ones."""

    corners: Rectangle
    label: int
    verdict: Verdict


def compare_boxes(image: NDArray[np.uint8], boxes: Sequence[Judged], lettering: Lettering) -> Image.Image:
    """Right boxes below all others, missed ones dashed."""
    picture, factor = _small(Image.fromarray(image).convert("RGB"), SIDE)
    draw, font = ImageDraw.Draw(picture), lettering.at(LETTERS)
    order = ("right", "wrong", "missed")
    for box in sorted(boxes, key=lambda one: order.index(one.verdict)):
        frame = [round(edge * factor) for edge in box.corners]
        _frame(draw, frame, box.verdict)
        if box.verdict != "right":
            _label(draw, (frame[0], frame[1]), lettering.name(box.label), COLOURS[box.verdict], font)
    return picture


def compare_masks(
    image: NDArray[np.uint8], true: NDArray[np.uint8], found: NDArray[np.uint8], quiet: frozenset[int]
) -> Image.Image:
    """The true mask on the left or, of a wide image, above; the predicted one on the right or below."""
    pictures = [_small(painted(image, mask, quiet=quiet), SIDE)[0] for mask in (true, found)]
    width, height = pictures[0].size
    beside = width <= 1.5 * height
    step = (width + GAP, 0) if beside else (0, height + GAP)
    whole = Image.new("RGB", (width + step[0], height + step[1]), PAPER)
    whole.paste(pictures[0], (0, 0))
    whole.paste(pictures[1], step)
    return whole


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def _small(picture: Image.Image, side: int) -> tuple[Image.Image, float]:
    """With `side` pixels on the long side, and the factor."""
    factor = side / max(picture.size)
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BICUBIC), factor


def _frame(draw: ImageDraw.ImageDraw, frame: Sequence[int], verdict: Verdict) -> None:
    x1, y1, x2, y2 = frame
    x2, y2 = max(x2 - 1, x1), max(y2 - 1, y1)
    if verdict == "right":
        draw.rectangle((x1, y1, x2, y2), outline=COLOURS[verdict], width=2)
        return
    draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=INK, width=3)  # dark between dashes and around lines
    if verdict == "wrong":
        draw.rectangle((x1, y1, x2, y2), outline=COLOURS[verdict], width=2)
        return
    for start, end in (((x1, y1), (x2, y1)), ((x2, y1), (x2, y2)), ((x2, y2), (x1, y2)), ((x1, y2), (x1, y1))):
        _dashes(draw, start, end, COLOURS[verdict])


def _label(draw: ImageDraw.ImageDraw, corner: tuple[int, int], name: str, colour: Colour, font: Font) -> None:
    """In the upper left corner of a box, as far as it lies in the picture."""
    place = max(corner[0], 0) + 4, max(corner[1], 0) + 3
    left, top, right, bottom = draw.textbbox(place, name, font=font, anchor="lt")
    draw.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill=colour)
    draw.text(place, name, fill=INK, font=font, anchor="lt")


def _dashes(draw: ImageDraw.ImageDraw, start: tuple[int, int], end: tuple[int, int], colour: Colour) -> None:
    """Six pixels and a gap of four."""
    length = max(math.dist(start, end), 1)
    way = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    for begin in range(0, round(length), 10):
        till = min(begin + 6, length)
        points = [(start[0] + at * way[0], start[1] + at * way[1]) for at in (begin, till)]
        draw.line(points, fill=colour, width=2)
