"""Boxes and masks drawn on their image, and what has no place below it. Needs Pillow and no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour: TypeAlias = tuple[int, int, int]
Rectangle: TypeAlias = tuple[float, float, float, float]
Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""Told apart by the colour-blind too: Okabe and Ito 2008, without black. Later classes take them darker and lighter."""

TONES = (0.0, -0.4, 0.5)  # towards black and towards white
LEGIBLE = 384  # pixels: an image whose shorter side has fewer is enlarged, so that text fits
VOID = 255
INK: Colour = (20, 20, 20)
PAPER: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Found:
    """One box to draw: corners in pixels of the image, class index, score 0..1 or None for a true box."""

    corners: Rectangle
    label: int
    score: float | None = None


@dataclass(frozen=True)
class Lettering:
    """Class names as they are drawn. font: a file for names that Pillow's own font, ASCII alone, cannot draw."""

    classes: tuple[str, ...]
    font: Path | None = None

    def undrawable(self) -> tuple[str, ...]:
        """The classes with a character that the font lacks; they are drawn as #index. Tell the user of a font."""
        return tuple(self.classes[index] for index in sorted(self._undrawable))

    def name(self, label: int) -> str:
        return f"#{label}" if label in self._undrawable else self.classes[label]

    def at(self, size: int) -> Font:
        return ImageFont.load_default(size) if self.font is None else ImageFont.truetype(self.font, size)

    @cached_property
    def _undrawable(self) -> frozenset[int]:
        font = self.at(24)
        missing = _picture(font, "\U0010ffff")  # no character: drawn as the sign for one that is missing
        every = {c for name in self.classes for c in name if not c.isspace()}
        lacking = {c for c in every if _picture(font, c) in (missing, b"")}
        return frozenset(i for i, name in enumerate(self.classes) if lacking & set(name))


def colour_of(label: int) -> Colour:
    """The same for a class in every picture; repeats after 21 classes."""
    red, green, blue = PALETTE[label % len(PALETTE)]
    tone = TONES[label // len(PALETTE) % len(TONES)]
    end = 255 if tone > 0 else 0
    return tuple(round(c + (end - c) * abs(tone)) for c in (red, green, blue))  # pyrefly: ignore[bad-return]


def draw_boxes(image: NDArray[np.uint8], found: Sequence[Found], lettering: Lettering) -> Image.Image:
    """Boxes with class names and scores on an image (H, W, 3); a small one is enlarged. The best lie on top."""
    picture, factor = _legible(image)
    draw = ImageDraw.Draw(picture)
    line, font = _line(picture), lettering.at(_letters(picture))
    rising = sorted(found, key=lambda box: 1.0 if box.score is None else box.score)
    frames = [tuple(edge * factor for edge in box.corners) for box in rising]
    for box, frame in zip(rising, frames, strict=True):
        _frame(draw, frame, colour_of(box.label), line)
    chips: list[Rectangle] = []
    words = [_words(box, lettering) for box in rising]
    for text, frame in zip(reversed(words), reversed(frames), strict=True):
        chips.append(_place(_size(font, text), frame, picture.size, chips))
    for box, text, chip in zip(rising, words, reversed(chips), strict=True):
        _chip(draw, chip, text, colour_of(box.label), font)
    return picture


def draw_mask(
    image: NDArray[np.uint8], values: NDArray[np.uint8], lettering: Lettering, *, quiet: frozenset[int] = frozenset()
) -> Image.Image:
    """Classes (H, W) as translucent colours with outlines on an image (H, W, 3), and a legend with their shares below.

    255 (void) and the classes in `quiet`, such as a background, stay as they are.
    """
    picture = painted(image, values, quiet=quiet)
    labels, counts = np.unique(values[values != VOID], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    shares = [(int(labels[i]), float(counts[i] / counts.sum())) for i in order if int(labels[i]) not in quiet]
    return _with_legend(picture, shares, lettering)


def painted(image: NDArray[np.uint8], values: NDArray[np.uint8], *, quiet: frozenset[int] = frozenset()) -> Image.Image:
    """As `draw_mask`, without the legend."""
    picture, _ = _legible(image)
    mask = np.asarray(Image.fromarray(values).resize(picture.size, Image.Resampling.NEAREST))
    pixels = np.asarray(picture).astype(np.float32)
    edge = _outline(mask, _line(picture))
    for label in np.unique(values[values != VOID]):
        if int(label) not in quiet:
            own, colour = mask == label, np.array(colour_of(int(label)), np.float32)
            pixels[own] = pixels[own] * 0.5 + colour * 0.5
            pixels[own & edge] = colour
    return Image.fromarray(pixels.round().astype(np.uint8))


def draw_caption(image: NDArray[np.uint8], lines: Sequence[tuple[int, str]], lettering: Lettering) -> Image.Image:
    """An image (H, W, 3) above a white strip with a line for each class index and what is said of it."""
    picture, _ = _legible(image)
    size = _letters(picture)
    font, step = lettering.at(size), round(size * 1.5)
    words = [f"{lettering.name(label)}  {said}" for label, said in lines] or ["(none)"]
    width = max(picture.width, *(round(font.getlength(text)) + size for text in words))
    whole = Image.new("RGB", (width, picture.height + step * len(words) + size // 2), PAPER)
    whole.paste(picture)
    draw = ImageDraw.Draw(whole)
    for number, text in enumerate(words):
        draw.text((size / 2, picture.height + size / 4 + step * (number + 0.5)), text, fill=INK, font=font, anchor="lm")
    return whole


def draw_masks(image: NDArray[np.uint8], layers: NDArray[np.bool_], lettering: Lettering) -> Image.Image:
    """As `draw_mask`, of classes that may overlap (K, H, W): their colours mix, their outlines cross."""
    picture, _ = _legible(image)
    pixels = np.asarray(picture).astype(np.float32)
    larger = [np.asarray(Image.fromarray(layer).resize(picture.size, Image.Resampling.NEAREST)) for layer in layers]
    for label, own in enumerate(larger):
        pixels[own] = pixels[own] * 0.5 + np.array(colour_of(label), np.float32) * 0.5
    for label, own in enumerate(larger):
        pixels[own & _outline(own, _line(picture))] = colour_of(label)
    shares = [(label, float(layer.mean())) for label, layer in enumerate(layers) if layer.any()]
    shares.sort(key=lambda pair: -pair[1])
    return _with_legend(Image.fromarray(pixels.round().astype(np.uint8)), shares, lettering)


def _legible(image: NDArray[np.uint8]) -> tuple[Image.Image, float]:
    """As RGB, enlarged where it is small, and how much."""
    picture = Image.fromarray(image).convert("RGB")
    factor = max(1, math.ceil(LEGIBLE / min(picture.size)))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC), factor


def _line(picture: Image.Image) -> int:
    return max(2, round(min(picture.size) / 160))


def _letters(picture: Image.Image) -> int:
    return max(14, round(min(picture.size) / 36))


def _words(box: Found, lettering: Lettering) -> str:
    name = lettering.name(box.label)
    return name if box.score is None else f"{name}  {box.score:.0%}"


def _frame(draw: ImageDraw.ImageDraw, frame: tuple[float, ...], colour: Colour, line: int) -> None:
    """A rectangle between two thin dark ones: seen on any background."""
    x1, y1, x2, y2 = frame
    x2, y2 = max(x2 - 1, x1), max(y2 - 1, y1)  # the last pixel inside
    draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=INK, width=line + 2)
    draw.rectangle((x1, y1, x2, y2), outline=colour, width=line)


def _size(font: Font, text: str) -> tuple[int, int]:
    """Of a chip: width and height, equal in height for all texts."""
    _, top, _, bottom = font.getbbox("|gjy")
    padding = round((bottom - top) * 0.25)
    return round(font.getlength(text)) + 2 * padding, round(bottom - top) + padding


def _place(
    size: tuple[int, int], frame: tuple[float, ...], picture: tuple[int, int], taken: Sequence[Rectangle]
) -> Rectangle:
    """Above the box, inside, or below; within the picture, and off other chips where there is room."""
    width, height = size
    x1, y1, x2, y2 = frame
    choices = []
    for left in (x1, x2 - width):
        for top in (y1 - height, y1, y2, y2 - height):
            x = min(max(left, 0), max(picture[0] - width, 0))
            y = min(max(top, 0), max(picture[1] - height, 0))
            choices.append((x, y, x + width, y + height))
    return min(choices, key=lambda chip: sum(_common(chip, other) for other in taken))  # the first of equal ones


def _common(a: Rectangle, b: Rectangle) -> float:
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


def _chip(draw: ImageDraw.ImageDraw, chip: Rectangle, text: str, colour: Colour, font: Font) -> None:
    draw.rounded_rectangle(chip, radius=(chip[3] - chip[1]) / 5, fill=colour, outline=INK)
    middle = (chip[0] + chip[2]) / 2, (chip[1] + chip[3]) / 2
    draw.text(middle, text, fill=_ink_on(colour), font=font, anchor="mm")


def _ink_on(colour: Colour) -> Colour:
    """Dark or white, whichever has more contrast: relative luminance of WCAG 2."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return INK if luminance > 0.179 else PAPER


def _outline(mask: NDArray[np.uint8], width: int) -> NDArray[np.bool_]:
    """The pixels whose class changes within about `width` pixels to the left, right, above or below."""
    edge = np.zeros(mask.shape, dtype=np.bool_)
    for by in range(1, width + 1):
        down, right = mask[by:] != mask[:-by], mask[:, by:] != mask[:, :-by]
        edge[by:] |= down
        edge[:-by] |= down
        edge[:, by:] |= right
        edge[:, :-by] |= right
    return edge


def _with_legend(picture: Image.Image, shares: Sequence[tuple[int, float]], lettering: Lettering) -> Image.Image:
    """The picture above a white strip with a sample of colour, the name and the share of every class."""
    if not shares:
        return picture
    size = _letters(picture)
    font, step = lettering.at(size), round(size * 1.6)
    words = [f"{lettering.name(label)}  {share:.1%}" for label, share in shares]
    places, x, y = [], size // 2, 0
    for text in words:
        width = round(font.getlength(text)) + 3 * size
        if x > size // 2 and x + width > picture.width:
            x, y = size // 2, y + step
        places.append((x, picture.height + y + size // 2))
        x += width
    whole = Image.new("RGB", (picture.width, picture.height + y + step + size // 2), PAPER)
    whole.paste(picture)
    draw = ImageDraw.Draw(whole)
    for (label, _), text, (left, top) in zip(shares, words, places, strict=True):
        draw.rectangle((left, top, left + size, top + size), fill=colour_of(label), outline=INK)
        draw.text((left + size * 1.4, top + size / 2), text, fill=INK, font=font, anchor="lm")
    return whole


def _picture(font: Font, character: str) -> bytes:
    mask: Any = font.getmask(character)
    return bytes(mask)
