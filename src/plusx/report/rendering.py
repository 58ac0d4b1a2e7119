"""Pages from their templates: one file each, with the style inside. Needs no torch."""

from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup


def rendered(template: str, **values: Any) -> str:
    """The page that `template`, a file beside this one, makes of `values`."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_text),
    )
    page = environment.get_template(template).render(style=Markup(_text("style.css")), **values)
    return page.encode("utf-8", "replace").decode()  # file names need not be valid text


def _text(name: str) -> str:
    return resources.files("plusx.report").joinpath(name).read_text(encoding="utf-8")
