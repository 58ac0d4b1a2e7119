import re
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter

import pytest

from plusx.backbones.catalogue import Published, architecture, architectures, best_card
from plusx.workflows.counting import counted
from plusx.workflows.models_table import (
    ENGLISH,
    Cost,
    best_free,
    cells,
    difference,
    exact,
    explanation,
    from_catalogue,
    natural,
    sections,
    short,
    shortened,
)


@pytest.mark.parametrize(
    ("number", "printed", "expected"),
    [
        (25_557_032, "25.5e6", None),  # 0.2 %
        (3_857_973_248, "3.8e9", Decimal("0.01526")),
        (7_570_194_432, "7.6e9", None),
        (269_722, "0.27e6", None),
        (1_727_962, "1.7e6", None),  # 1.6 %, which rounding to two digits explains
        (22_855_952, "22,855,952", None),
        (23_855_952, "22,855,952", Decimal("0.04375")),
        (4_000_000, "5e6", Decimal("-0.2")),
        (4_500_000, "5e6", None),
    ],
)
def test_differences_that_rounding_does_not_explain(number: int, printed: str, expected: Decimal | None) -> None:
    found = difference(number, printed)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert abs(found - expected) < Decimal("0.0001")


@pytest.mark.parametrize("name", architectures())
def test_a_paper_that_differs_has_a_note_that_says_why(name: str) -> None:
    found = architecture(name)
    said = explanation(found, from_catalogue(found))
    if said:
        assert found.published is not None
        assert len(found.published.note) > 10, f"{name}: {said}"


@pytest.mark.parametrize("name", [name for name in architectures() if architecture(name).published])
def test_notes_are_in_both_languages(name: str) -> None:
    paper = architecture(name).published
    assert paper is not None
    assert bool(re.search("[\u4e00-\u9fff]", paper.note_zh)) == bool(paper.note), f"{name}: note_zh of {paper.note!r}"
    numbers = [sorted(re.findall(r"\d+(?:\.\d+)?(?:e\d)?", note)) for note in (paper.note, paper.note_zh)]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("name", [name for name in architectures() if architecture(name).published])
def test_papers_figures_are_numbers_near_ours(name: str) -> None:
    found = architecture(name)
    assert found.published is not None
    assert found.published.source
    assert found.published.parameters or found.published.multiply_adds
    for figure, ours in (
        (found.published.parameters, found.parameters),
        (found.published.multiply_adds, found.multiply_adds),
    ):
        assert not figure or 0.8 < exact(figure) / ours < 1.25


def test_an_explanation_names_what_differs_and_why() -> None:
    found = architecture("resnet50")
    made = replace(found, published=Published("Table 1", parameters="20e6", multiply_adds="4.1e9", note="without fc"))
    assert explanation(made, Cost(25_000_000, 4_089_184_256)) == "parameters +25.0 %: without fc"
    assert explanation(made, Cost(20_000_000, 4_089_184_256)) == ""
    assert explanation(replace(found, published=None), Cost(1, 1)) == ""


def test_an_explanation_in_another_language() -> None:
    found = architecture("resnet50")
    paper = Published("Table 1", parameters="20e6", multiply_adds="2e9", note="without fc", note_zh="不计分类器")
    words = replace(
        ENGLISH, parameters="参数量", multiply_adds="乘加次数", comma="，", colon="：", note=attrgetter("note_zh")
    )
    said = explanation(replace(found, published=paper), Cost(25_000_000, 3_000_000_000), words)
    assert said == "参数量 +25.0 %，乘加次数 +50.0 %：不计分类器"


def test_a_row_has_the_best_weights_for_any_use() -> None:
    row = cells(architecture("resnet50"), Cost(25_557_032, 4_089_184_256))
    assert row[:6] == ("`resnet50`", "224", "25.56 M", "", "4.089 G", "3.8 G")
    assert row[6].startswith("multiply-adds +7.6 %: ")
    assert row[7:] == ("80.86", "`resnet50.tv_in1k_v2`", "BSD-3-Clause")
    best = best_free(architecture("resnet101"))
    assert best is not None
    assert best.name == best_card("resnet101").name
    assert cells(architecture("resnet50_v2"), Cost(1, 1))[8] == "`resnet50_v2.a1h_in1k` (288×288)"
    assert cells(architecture("plain18"), Cost(1, 1))[7:] == ("", "", "")


def test_small_networks_are_judged_on_cifar_10() -> None:
    assert cells(architecture("resnet56"), Cost(1, 1))[7:9] == ("94.37", "`resnet56.chenyaofo_cifar10`")


def test_a_section_for_every_paper_in_the_order_they_appeared() -> None:
    lines = list(sections(["resnet50_d", "resnet101", "resnet18", "se_resnet50"], from_catalogue))
    titles = [line for line in lines if line.startswith("## ")]
    assert [title.split()[4:6] for title in titles] == [
        ["2015,", "Deep"],
        ["2017,", "Squeeze-and-Excitation"],
        ["2018,", "Bag"],
    ]
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == [
        *("resnet18", "resnet101", "se_resnet50", "resnet50_d")
    ]


@pytest.mark.parametrize("name", ["resnet18", "resnet20", "se_resnet50"])
def test_costs_are_counted_on_the_network(name: str) -> None:
    assert counted(architecture(name)) == from_catalogue(architecture(name))


@pytest.mark.parametrize(
    ("number", "text"),
    [(999, "999"), (269_722, "269.7 k"), (25_557_032, "25.56 M"), (126_886_696, "126.9 M"), (4_089_184_256, "4.089 G")],
)
def test_four_digits(number: int, text: str) -> None:
    assert short(number) == text


def test_the_papers_digits_stay() -> None:
    assert [shortened(figure) for figure in ("8.00e9", "25.5e6", "22,855,952", "")] == [
        *("8.00 G", "25.5 M", "22,855,952", "")
    ]


def test_depths_are_sorted_as_numbers() -> None:
    assert sorted(["resnet101", "resnet18"], key=natural) == ["resnet18", "resnet101"]
