"""A chart as a file of its own, with the style of the pages inside. Needs no torch."""

from pathlib import Path
from typing import Final

from plusx.report.charts import Figure, Series, line_chart

STYLE: Final = Path(__file__).with_name("style.css")
NAMESPACE: Final = 'xmlns="http://www.w3.org/2000/svg"'


def svg_of(figure: Figure) -> str:
    """The picture of a figure as the text of an SVG file, for light and for dark screens."""
    opening, rest = str(figure.picture).split(">", 1)
    style = f"{STYLE.read_text(encoding='utf-8')}svg {{ background: var(--card); font-family: sans-serif; }}"
    return f"{opening} {NAMESPACE}><style>{style.replace('&', '&amp;').replace('<', '&lt;')}</style>{rest}\n"


def schedule_svg(name: str, curve: list[tuple[float, float]]) -> str:
    """The learning rate over the epochs; curve: pairs of both."""
    series = Series("rate", tuple(curve))
    return svg_of(line_chart(f"Learning rate of {name}", [series], x_label="epoch", at_least=(0.0,)))
