"""The plot of examples/models_page.py: top-1 against multiply-adds, an SVG legible on light and dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from xml.etree import ElementTree

from plusx.backbones.catalogue import TOP_1, Architecture
from plusx.core.card import Card
from plusx.report.drawing import Drawing
from plusx.report.scales import Scale, logarithmic

Entry: TypeAlias = tuple[Card, Architecture]

WIDTH, HEIGHT = 880.0, 560.0
LEFT, RIGHT, TOP, FLOOR = 62.0, 858.0, 96.0, 498.0

FAMILIES = {
    "ResNet": ("resnet", "preact", "resnet_d"),
    "ResNeXt": ("resnext",),
    "SENet": ("senet",),
    "DenseNet": ("densenet",),
    "Xception": ("xception", "aligned_xception"),
    "MobileNet": ("mobilenet", "mobilenet_v2", "mobilenet_v3"),
    "ShuffleNet": ("shufflenet", "shufflenet_v2"),
}
"""Name in the legend → the papers' files."""

STYLE = """
svg { --page: #ffffff; --rim: #d8dde3; --ink: #24292f; --soft: #57606a; --faint: #e8ebef; --s1: #1f66b5; --s2: #c4572b;
  --s3: #8657b0; --s4: #2b8a63; --s5: #a07a12; --s6: #b8326f; --s7: #3f8ea3;
  font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
  sans-serif; }
@media (prefers-color-scheme: dark) { svg { --page: #161b22; --rim: #30363d; --ink: #e6edf3; --soft: #9aa5b1;
  --faint: #272d36; --s1: #6cb0f5; --s2: #f0936a; --s3: #c19be6; --s4: #6fc79f; --s5: #d9b856; --s6: #ee86b4;
  --s7: #7cc4d6; } }
.card { fill: var(--page); stroke: var(--rim); }
text { fill: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.heading { fill: var(--ink); font-size: 14px; font-weight: 600; }
.name { fill: var(--ink); font-size: 14px; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--faint); } .axis { stroke: var(--soft); }
.s1 { --colour: var(--s1); } .s2 { --colour: var(--s2); } .s3 { --colour: var(--s3); } .s4 { --colour: var(--s4); }
.s5 { --colour: var(--s5); } .s6 { --colour: var(--s6); } .s7 { --colour: var(--s7); }
.line { fill: none; stroke: var(--colour); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.dot { fill: var(--colour); fill-opacity: 0.35; } .dot.best { fill-opacity: 1; }
"""


@dataclass(frozen=True)
class Words:
    """What the plot says, in one language."""

    label: str
    top_1: str
    multiply_adds: str
    unit: str  # of multiply-adds in what shows when the pointer rests on a point


WORDS = {
    "en": Words(
        label="Published ImageNet top-1 of the weights for any use, against the multiply-adds of one image",
        top_1="ImageNet top-1 in percent; the lines join the best of each family",
        multiply_adds="multiply-adds of one image (logarithmic)",
        unit="multiply-adds",
    ),
    "zh-CN": Words(
        label="可用于任何用途的权重：已发表的 ImageNet top-1 与单张图像的乘加次数",
        top_1="ImageNet top-1（百分比）；折线连接每个系列中的最好成绩",
        multiply_adds="单张图像的乘加次数（对数坐标）",
        unit="次乘加",
    ),
}


@dataclass(frozen=True)
class Point:
    """One set of weights."""

    name: str
    cost: float  # multiply-adds
    top_1: float  # percent


def accuracy_plot(entries: Sequence[Entry], language: str) -> str:
    """The whole file."""
    words = WORDS[language]
    families = {name: points_of(entries, modules) for name, modules in FAMILIES.items()}
    every = [point for points in families.values() for point in points]
    x = logarithmic([point.cost for point in every], LEFT, RIGHT)
    scores = [point.top_1 for point in every]
    y = Scale(5 * math.floor(min(scores) / 5), 5 * math.ceil(max(scores) / 5), FLOOR, TOP)
    drawing = Drawing(WIDTH, HEIGHT, words.label)
    drawing.box((0.5, 0.5), (WIDTH - 1, HEIGHT - 1), "card")
    frame(drawing, x, y, words)
    for number, (name, points) in enumerate(families.items(), 1):
        legend(drawing, number, name)
        family(drawing, points, (x, y), (f"s{number}", words.unit))
    return standalone(drawing)


def points_of(entries: Sequence[Entry], modules: Sequence[str]) -> list[Point]:
    """Those free for any use whose ImageNet top-1 is published, the cheap ones first."""
    usable = [(one, found) for one, found in entries if found.module in modules and one.permissive]
    points = [Point(one.name, cost(one, found), one.metrics[TOP_1]) for one, found in usable if TOP_1 in one.metrics]
    return sorted(points, key=lambda point: (point.cost, point.top_1))


def cost(one: Card, found: Architecture) -> float:
    """Multiply-adds at the card's size: those counted at the architecture's, as the areas are to each other."""
    height, width = one.input.size
    return found.multiply_adds * height * width / found.size**2


def frontier(points: Sequence[Point]) -> list[Point]:
    """Those that are better than all that cost no more; at one cost the best."""
    best: list[Point] = []
    for point in points:
        if best and point.cost == best[-1].cost and point.top_1 > best[-1].top_1:
            best[-1] = point
        elif not best or point.top_1 > best[-1].top_1:
            best.append(point)
    return best


def family(drawing: Drawing, points: Sequence[Point], scales: tuple[Scale, Scale], look: tuple[str, str]) -> None:
    """All its points, and a line through the best."""
    (x, y), (kind, unit), best = scales, look, frontier(points)
    drawing.path([(x(point.cost), y(point.top_1)) for point in best], f"line {kind}")
    for point in points:
        tip = f"{point.name}: {point.top_1:.2f} %, {point.cost / 1e9:.3g} G {unit}"
        strong = point in best
        drawing.dot((x(point.cost), y(point.top_1)), 4.0 if strong else 3.0, f"dot {kind}{' best' * strong}", tip)


def legend(drawing: Drawing, number: int, name: str) -> None:
    """A family's entry in the head of the card."""
    left = LEFT + 114 * (number - 1)
    drawing.path([(left, 30), (left + 22, 30)], f"line s{number}")
    drawing.dot((left + 11, 30), 4.0, f"dot s{number} best")
    drawing.text((left + 29, 35), name, "name")


def frame(drawing: Drawing, x: Scale, y: Scale, words: Words) -> None:
    """Grid, ticks and words."""
    drawing.text((LEFT, TOP - 26), words.top_1, "heading")
    for value, text in y.ticks(6):
        drawing.line((LEFT, y(value)), (RIGHT, y(value)), "grid")
        drawing.text((LEFT - 9, y(value) + 4.5), text, "end")
    drawing.line((LEFT, FLOOR), (RIGHT, FLOOR), "axis")
    for value in (factor * 10.0**power for power in range(6, 12) for factor in (1, 2, 5)):
        if not x.low <= value <= x.high:
            continue
        text = f"{value / 1e9:g} G" if value >= 1e9 else f"{value / 1e6:g} M"
        drawing.text((x(value), FLOOR + 18), text, "middle")
    drawing.text(((LEFT + RIGHT) / 2, FLOOR + 42), words.multiply_adds, "middle")


def standalone(drawing: Drawing) -> str:
    """The picture as a file of its own."""
    picture = ElementTree.fromstring(drawing.markup())
    picture.set("xmlns", "http://www.w3.org/2000/svg")
    style = ElementTree.Element("style")
    style.text = STYLE
    picture.insert(0, style)
    return ElementTree.tostring(picture, encoding="unicode") + "\n"
