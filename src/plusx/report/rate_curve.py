"""The curve of a learning-rate range test as an SVG file of its own. Needs no torch."""

from collections.abc import Mapping, Sequence

from plusx.report.drawing import Drawing
from plusx.report.scales import linear, logarithmic

WIDTH, HEIGHT = 560.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 60.0, 20.0, 24.0, 48.0
STYLE = (
    "<style>svg{background:#fff}.axis{stroke:#888}.grid{stroke:#e4e4e4}.loss{fill:none;stroke:#1f6fb2;stroke-width:2}"
    ".mark{stroke:#c4511d;stroke-dasharray:4 3}text{font:12px sans-serif;fill:#333}.end{text-anchor:end}"
    ".mid{text-anchor:middle}</style>"
)


def rate_curve(rates: Sequence[float], losses: Sequence[float], marks: Mapping[str, float]) -> str:
    """Smoothed losses over rates, and the suggestions by name."""
    drawing = Drawing(WIDTH, HEIGHT, "Loss at rising learning rates")
    x = logarithmic(rates, LEFT, WIDTH - RIGHT)
    least = min(losses)
    shown = [
        min(loss, least + 1.3 * (losses[0] - least)) for loss in losses
    ]  # the end of a diverging curve says little
    y = linear(shown, HEIGHT - BOTTOM, TOP)
    for value, text in y.ticks():
        drawing.line((LEFT, y(value)), (WIDTH - RIGHT, y(value)), "grid")
        drawing.text((LEFT - 6, y(value) + 4), text, "end")
    exponents = range(-12, 7)
    for power in (10.0**exponent for exponent in exponents if rates[0] <= 10.0**exponent * 1.001 <= rates[-1] * 1.002):
        drawing.line((x(power), HEIGHT - BOTTOM), (x(power), HEIGHT - BOTTOM + 4), "axis")
        drawing.text((x(power), HEIGHT - BOTTOM + 18), f"{power:g}", "mid")
    drawing.line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), "axis")
    drawing.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8), "learning rate", "mid")
    drawing.text((LEFT, TOP - 10), "training loss, smoothed", "")
    drawing.path([(x(rate), y(loss)) for rate, loss in zip(rates, shown, strict=True)], "loss")
    for row, (name, rate) in enumerate(marks.items()):
        drawing.line((x(rate), TOP), (x(rate), HEIGHT - BOTTOM), "mark")
        drawing.text((x(rate) + 4, TOP + 12 + 14 * row), f"{name} {rate:.2g}", "")
    head, _, rest = str(drawing.markup()).partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg">{STYLE}{rest}\n'
