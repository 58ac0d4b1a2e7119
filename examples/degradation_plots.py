"""The plots of examples/degradation.py: SVG files on a card of their own, legible on light and dark pages."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from plusx.report.drawing import Drawing
from plusx.report.scales import Scale, linear, logarithmic

Runs = Sequence[Mapping[str, Any]]
Spread = list[tuple[float, float, float]]
"""Median, lowest and highest value over the seeds, for each epoch or layer."""

WIDTH, HEIGHT = 880.0, 372.0
TOP, FLOOR = 92.0, 318.0
LOOKS = {
    "plain20": "plain shallow",
    "plain56": "plain deep",
    "resnet20": "residual shallow",
    "resnet56": "residual deep",
}
NAMES = {"plain20": "plain-20", "plain56": "plain-56", "resnet20": "ResNet-20", "resnet56": "ResNet-56"}

STYLE = """
svg { --page: #ffffff; --rim: #d8dde3; --ink: #24292f; --soft: #57606a; --faint: #e8ebef; --plain: #c4572b;
  --residual: #1f66b5; font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei",
  "Noto Sans CJK SC", sans-serif; }
@media (prefers-color-scheme: dark) { svg { --page: #161b22; --rim: #30363d; --ink: #e6edf3; --soft: #9aa5b1;
  --faint: #272d36; --plain: #f0936a; --residual: #6cb0f5; } }
.card { fill: var(--page); stroke: var(--rim); }
text { fill: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.heading { fill: var(--ink); font-size: 14px; font-weight: 600; }
.name { fill: var(--ink); font-size: 14px; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--faint); } .axis { stroke: var(--soft); }
.plain { --colour: var(--plain); } .residual { --colour: var(--residual); }
.line { fill: none; stroke: var(--colour); stroke-linejoin: round; stroke-linecap: round; }
.line.deep { stroke-width: 2.6; } .line.shallow { stroke-width: 2; stroke-dasharray: 2 5; }
.band { fill: var(--colour); fill-opacity: 0.15; stroke: none; }
"""


@dataclass(frozen=True)
class Words:
    """What the plots say, in one language."""

    curves: str
    loss: str
    error: str
    epoch: str
    gradients: str
    layer: str


WORDS = {
    "en": Words(
        curves="Training loss and training error of plain and residual networks",
        loss="training loss (logarithmic)",
        error="training error",
        epoch="epoch",
        gradients="gradient norm of each 3×3 convolution before the first step (logarithmic)",
        layer="convolution, counted from the input",
    ),
    "zh-CN": Words(
        curves="普通网络与残差网络的训练损失和训练错误率",
        loss="训练损失（对数坐标）",
        error="训练错误率",
        epoch="轮次",
        gradients="第一步更新之前，每个 3×3 卷积的梯度范数（对数坐标）",
        layer="卷积层，从输入端数起",
    ),
}


@dataclass(frozen=True)
class Axes:
    """One panel: its two scales and its words."""

    x: Scale
    y: Scale
    heading: str
    x_label: str
    number: Callable[[float], str] | None = None  # how y values are written; None: as the scale does


def learning_curves(runs: Runs, words: Words) -> str:
    """Training loss and training error against epochs: the median over the seeds, and the range as a band."""
    drawing = card(words.curves)
    losses, errors = spreads(runs, "loss"), spreads(runs, "error")
    epochs = float(max(len(spread) for spread in losses.values()))
    every = [value for spread in losses.values() for point in spread for value in point]
    left, right = Scale(1, epochs, 62, 424), Scale(1, epochs, 496, 858)
    loss = Axes(left, logarithmic(every, FLOOR, TOP), words.loss, words.epoch)
    every = [value for spread in errors.values() for point in spread for value in point]
    error = Axes(right, linear(every, FLOOR, TOP, at_least=(0.0,)), words.error, words.epoch, "{:.0%}".format)
    panel(drawing, loss, losses)
    panel(drawing, error, errors)
    return standalone(drawing)


def gradient_norms(runs: Runs, words: Words) -> str:
    """L2 norm of each convolution's gradient before the first step: the median over the seeds, the range as a band."""
    drawing = card(words.gradients)
    norms = spreads([{**run, "first": run["gradients"][0]} for run in runs], "first")
    every = [value for spread in norms.values() for point in spread for value in point]
    x = Scale(1, float(max(len(spread) for spread in norms.values())), 62, 858)
    panel(drawing, Axes(x, logarithmic(every, FLOOR, TOP), words.gradients, words.layer), norms)
    return standalone(drawing)


def spreads(runs: Runs, key: str) -> dict[str, Spread]:
    """Network → its spread over the seeds, in the order of `LOOKS`."""
    return {name: spread([run[key] for run in runs if run["network"] == name]) for name in LOOKS}


def spread(lines: Sequence[Sequence[float]]) -> Spread:
    """lines: one a seed, of equal length."""
    return [(statistics.median(values), min(values), max(values)) for values in zip(*lines, strict=True)]


def card(label: str) -> Drawing:
    """An empty card with the legend in its head."""
    drawing = Drawing(WIDTH, HEIGHT, label)
    drawing.box((0.5, 0.5), (WIDTH - 1, HEIGHT - 1), "card")
    for place, (network, look) in enumerate(LOOKS.items()):
        left = 62.0 + 150 * place
        drawing.path([(left, 30), (left + 38, 30)], f"line {look}")
        drawing.text((left + 48, 35), NAMES[network], "name")
    return drawing


def panel(drawing: Drawing, axes: Axes, networks: Mapping[str, Spread]) -> None:
    """Grid, ticks and words, then bands, then lines: the lines lie above all bands."""
    x, y = axes.x, axes.y
    drawing.text((x.first, TOP - 18), axes.heading, "heading")
    for value, words in y.ticks():
        drawing.line((x.first, y(value)), (x.last, y(value)), "grid")
        drawing.text((x.first - 9, y(value) + 4.5), axes.number(value) if axes.number else words, "end")
    drawing.line((x.first, FLOOR), (x.last, FLOOR), "axis")
    for value in (x.low, *(value for value, _ in x.ticks(6) if value > x.low)):
        if value == int(value):
            drawing.text((x(value), FLOOR + 18), f"{value:g}", "middle")
    drawing.text(((x.first + x.last) / 2, FLOOR + 40), axes.x_label, "middle")
    for network, points in networks.items():
        upper = [(x(k), y(high)) for k, (_, _, high) in enumerate(points, 1)]
        lower = [(x(k), y(low)) for k, (_, low, _) in enumerate(points, 1)]
        drawing.path(upper + lower[::-1], f"band {LOOKS[network]}")
    for network, points in networks.items():
        drawing.path([(x(k), y(median)) for k, (median, _, _) in enumerate(points, 1)], f"line {LOOKS[network]}")


def standalone(drawing: Drawing) -> str:
    """The picture as a file of its own."""
    picture = ElementTree.fromstring(drawing.markup())
    picture.set("xmlns", "http://www.w3.org/2000/svg")
    style = ElementTree.Element("style")
    style.text = STYLE
    picture.insert(0, style)
    return ElementTree.tostring(picture, encoding="unicode") + "\n"
