"""The pages that follow from the catalogue: the committed files are those the code writes."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from plusx.backbones.catalogue import architecture, architectures, card, cards

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    """examples/models_page.py; its neighbour is found as when it is run."""
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        yield importlib.import_module("models_page")
    finally:
        sys.path.remove(str(ROOT / "examples"))


def test_pages_and_code_say_the_same(example: ModuleType) -> None:
    for name, text in example.files().items():
        found = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert found == text, f"docs/{name} is old: python examples/models_page.py"


def test_every_network_and_all_weights_have_a_row(example: ModuleType) -> None:
    for language in ("en", "zh-CN"):
        rows = re.findall(r"^\| `([^`]+)` \|", example.page(language), re.MULTILINE)
        assert sorted(rows) == sorted([*architectures(), *cards()])


def test_tables_have_cells_for_all_columns(example: ModuleType) -> None:
    for language in ("en", "zh-CN"):
        for table in re.findall(r"(?:^\|.*\|\n)+", example.page(language), re.MULTILINE):
            assert len({line.count(" | ") for line in table.splitlines()}) == 1


def test_the_chinese_page_says_nothing_in_english(example: ModuleType) -> None:
    tables = re.findall(r"^\|.*\|$", example.page("zh-CN"), re.MULTILINE)
    cells = [cell for line in tables for cell in re.sub("`[^`]*`", "", line).split("|")]
    english = [cell for cell in cells if re.search(r"[a-z]{2,} [a-z]{2,}", cell)]
    assert len(cells) > 2000
    assert english == []
    assert (
        "\n## He 等 2015, Deep Residual Learning for Image Recognition, 第 4.2 节, arXiv 1512.03385\n"
        in example.page("zh-CN")
    )


def test_every_family_is_drawn(example: ModuleType) -> None:
    plot = importlib.import_module("models_plot")
    drawn = {module for modules in plot.FAMILIES.values() for module in modules}
    scored = {
        architecture(card(name).architecture).module
        for name in cards()
        if card(name).permissive and plot.TOP_1 in card(name).metrics
    }
    assert scored <= drawn, "a paper's file is in no family of examples/models_plot.py"
    for language in ("en", "zh-CN"):
        picture = ElementTree.fromstring(example.files()[f"families/accuracy{'.zh-CN' * (language != 'en')}.svg"])
        tips = [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}title")]
        assert len(tips) == len({tip.partition(":")[0] for tip in tips}) > 100


def test_a_line_joins_what_is_better_than_all_that_costs_no_more(example: ModuleType) -> None:
    plot = importlib.import_module("models_plot")
    points = [plot.Point(name, cost, top_1) for name, cost, top_1 in (
        ("a", 1.0, 60.0), ("b", 1.0, 65.0), ("c", 2.0, 64.0), ("d", 3.0, 70.0), ("e", 4.0, 70.0),
    )]  # fmt: skip
    assert [point.name for point in plot.frontier(points)] == ["b", "d"]
