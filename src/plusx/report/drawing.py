"""A few shapes of SVG. Colours come from the page's style sheet by class name, so that one drawing suits light and
dark; every text is escaped. Needs no torch.
"""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from os.path import commonprefix
from unicodedata import east_asian_width
from xml.etree import ElementTree

from markupsafe import Markup


class Drawing:
    """An inline picture; lengths in pixels from the top left corner."""

    def __init__(self, width: float, height: float, label: str) -> None:
        """label: what screen readers say."""
        self.width, self.height = width, height
        size = {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}"}
        self._root = ElementTree.Element("svg", size | {"role": "img", "aria-label": label})

    def line(self, start: tuple[float, float], end: tuple[float, float], kind: str) -> None:
        """A straight line in the style of class `kind`."""
        (x1, y1), (x2, y2) = start, end
        self._add("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def path(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """An open line through the points."""
        self._add("polyline", kind).set("points", " ".join(f"{x:.1f},{y:.1f}" for x, y in points))

    def dot(self, centre: tuple[float, float], radius: float, kind: str, tip: str = "") -> None:
        """A filled circle; `tip` shows when the pointer rests on it."""
        self._tip(self._add("circle", kind, cx=centre[0], cy=centre[1], r=radius), tip)

    def box(self, corner: tuple[float, float], size: tuple[float, float], kind: str, tip: str = "") -> None:
        """A filled rectangle."""
        (x, y), (width, height) = corner, size
        self._tip(self._add("rect", kind, x=x, y=y, width=max(width, 0.0), height=max(height, 0.0)), tip)

    def shade(self, corner: tuple[float, float], size: tuple[float, float], kind: str, share: float, tip: str) -> None:
        """A rectangle of this opacity, 0..1."""
        (x, y), (width, height) = corner, size
        box = self._add("rect", kind, x=x, y=y, width=width, height=height)
        box.set("fill-opacity", f"{share:.2f}")
        self._tip(box, tip)

    def text(self, place: tuple[float, float], words: str, kind: str, angle: float = 0.0, tip: str = "") -> None:
        """Words on their base line; alignment and size are the style sheet's, `angle` in degrees clockwise."""
        element = self._add("text", kind, x=place[0], y=place[1])
        if angle:
            element.set("transform", f"rotate({angle:g} {place[0]:.1f} {place[1]:.1f})")
        element.text = words
        self._tip(element, tip)

    def markup(self) -> Markup:
        """The picture for an HTML page."""
        return Markup(ElementTree.tostring(self._root, encoding="unicode"))

    def _add(self, tag: str, kind: str, **numbers: float) -> ElementTree.Element:
        attributes = {name: f"{value:.1f}".removesuffix(".0") for name, value in numbers.items()}
        return ElementTree.SubElement(self._root, tag, attributes | {"class": kind})

    @staticmethod
    def _tip(element: ElementTree.Element, words: str) -> None:
        if words:
            ElementTree.SubElement(element, "title").text = words


def width_of(words: str) -> int:
    """Width in half-widths: a Latin letter is about 1, a Chinese character 2."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in words)


def shortened(words: str, width: int) -> str:
    """At most `width` half-widths, with an ellipsis where something was cut off."""
    start = words[: width + 1]
    if start == words and width_of(words) <= width:
        return words
    ends = list(accumulate(map(width_of, start)))
    return words[: bisect(ends, width - 1)] + "…"


def told_apart(names: Sequence[str], width: int) -> list[str]:
    """Each name `shortened`; of those that would look the same, what they begin with alike is shortened as well."""
    short = [shortened(name, width) for name in names]
    alike: dict[str, list[str]] = {}
    for name, text in zip(names, short, strict=True):
        alike.setdefault(text, []).append(name)
    return [
        text if len(alike[text]) == 1 else _end_of(name, alike[text], width)
        for name, text in zip(names, short, strict=True)
    ]


def _end_of(name: str, others: Sequence[str], width: int) -> str:
    """A few letters, and then the name from the word, or else the letter, on in which it differs from the others."""
    common = commonprefix(list(others))  # noqa: RUF071 - names are no paths: letters are meant
    start = common.rfind(" ") + 1 or len(common)
    return shortened(f"{name[:3]}…{name[start:]}", width)
