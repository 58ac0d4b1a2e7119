import json

import pytest

from plusx.backbones.catalogue import architectures, best_card, cards
from plusx.core.errors import InputError
from plusx.workflows.models import abbreviated, aligned, facts_of, listing, models, published


def test_every_architecture_is_a_row_and_every_card_belongs_to_one() -> None:
    rows = models()
    assert sorted(row.architecture for row in rows) == architectures()
    assert sorted(name for row in rows for name in row.weights) == cards()


def test_rows_are_sorted_by_depth_not_by_letter() -> None:
    assert [row.architecture for row in models("resnet??")][:3] == ["resnet18", "resnet20", "resnet32"]
    names = [row.architecture for row in models("resnet*")]
    assert names.index("resnet50") < names.index("resnet101") < names.index("resnet1202")


def test_the_cheapest_or_the_best_come_first_where_that_is_asked_for() -> None:
    by_name = models("resnet*")
    smallest = models("resnet*", sort="parameters")
    assert [row.parameters for row in smallest] == sorted(row.parameters for row in by_name)
    assert [row.architecture for row in smallest][:2] == ["resnet20", "resnet32"]
    fastest = models("resnet*", sort="multiply-adds")
    assert [row.multiply_adds for row in fastest] == sorted(row.multiply_adds for row in by_name)
    equal = [row.architecture for row in fastest if row.multiply_adds == 1_814_073_344]
    assert equal == ["resnet18", "resnet18_v2"]  # by name
    scores = [row.best_top_1 for row in models(sort="top-1")]
    known = [score for score in scores if score is not None]
    assert known == sorted(known, reverse=True)
    assert scores[: len(known)] == known, "networks without a score come last"
    assert len(scores) > len(known) > 40


def test_weights_are_sorted_too() -> None:
    scores = [card.metrics.get("imagenet-1k top-1") for card in published("resnet*.*", sort="top-1")]
    known = [score for score in scores if score is not None]
    assert known == sorted(known, reverse=True)
    assert scores[: len(known)] == known
    assert len(scores) > len(known)  # those of CIFAR follow
    names = [card.architecture for card in published("*.keras_in1k", sort="parameters")]
    assert names[0] == "mobilenet_v1_025"
    assert published("resnet50", sort="multiply-adds")[0].architecture == "resnet50_v1"


def test_the_shell_sorts_with_the_same_words() -> None:
    lines = list(listing("resnet*", sort="multiply-adds"))
    assert [line.split()[0] for line in lines[1:4]] == ["resnet20", "resnet32", "resnet44"]
    rows = [json.loads(line)["architecture"] for line in listing("resnet*", sort="top-1", json=True)]
    assert rows == [row.architecture for row in models("resnet*", sort="top-1")]
    best = json.loads(next(listing("resnet18.*", sort="top-1", json=True)))
    assert best["name"] == "resnet18.fb_swsl_ig1b_ft_in1k"
    with pytest.raises(
        InputError, match=r"sort: found 'size', expected one of name, parameters, multiply-adds, top-1\."
    ):
        list(listing(sort="size"))
    with pytest.raises(InputError, match=r"Unknown order 'top1'\. Did you mean top-1, "):
        models(sort="top1")  # pyrefly: ignore[bad-argument-type]
    with pytest.raises(InputError, match="`table` is in the order of the papers and does not go together with `sort`"):
        list(listing(sort="top-1", table=True))


def test_the_best_score_is_that_of_the_weights_that_imagenet_means() -> None:
    (row,) = models("resnet50")
    assert row.best_top_1 == max(best_card("resnet50").metrics.values()) or row.best_top_1 == pytest.approx(
        best_card("resnet50").metrics["imagenet-1k top-1"]
    )
    assert models("plain18")[0].best_top_1 is None


def test_a_name_there_is_not_gets_the_three_nearest() -> None:
    with pytest.raises(InputError, match=r"^Unknown model 'resnet500'\. Did you mean resnet50, \w+, \w+\?$"):
        models("resnet500")
    with pytest.raises(InputError, match=r"^Unknown weights 'resnet50\.a9_in1k'\. Did you mean resnet50\.\w+, "):
        list(listing("resnet50.a9_in1k"))


def test_a_pattern_that_matches_nothing_says_so() -> None:
    with pytest.raises(InputError, match=r"^No architecture matches 'vit\*'\. `plusx models` lists all"):
        models("vit*")
    with pytest.raises(
        InputError, match=r"'Densnet\*'\. Did you mean densenet\d+, densenet\d+, densenet\d+\? `plusx m"
    ):
        models("Densnet*")
    with pytest.raises(InputError, match=r"^No weights match 'resnet50\.z\*'\."):
        published("resnet50.z*")


def test_weights_of_an_architecture_stand_best_first() -> None:
    found = published("resnet50")
    scores = [card.metrics["imagenet-1k top-1"] for card in found]
    assert scores == sorted(scores, reverse=True)
    assert {card.architecture for card in found} == {"resnet50", "resnet50_v1"}
    assert [card.name for card in published("resnet50.a1_in1k")] == ["resnet50.a1_in1k"]


def test_weights_that_bear_the_name_of_another_network_are_listed_there_too() -> None:
    row, note = (line for line in listing("resnet50") if line.startswith("resnet50.keras_in1k "))
    assert row.split()[1] == "74.90"
    assert note == "resnet50.keras_in1k builds resnet50_v1."
    assert [card.name for card in published("resnet50_v1")] == ["resnet50.keras_in1k"]


def test_a_pattern_that_only_weights_match_lists_weights() -> None:
    assert "resnet50.keras_in1k" in [card.name for card in published("*keras*")]
    lines = list(listing("*keras*"))
    assert lines[1].split()[0] == "weights"
    assert any(line.startswith("resnet101.keras_in1k ") for line in lines)
    names = [json.loads(line)["name"] for line in listing("resnet101*keras*", json=True)]
    assert names == ["resnet101.keras_in1k", "resnet101_v2.keras_in1k"]


def test_a_markdown_table_with_the_papers_figures() -> None:
    lines = list(listing("resnet1?", table=True))
    assert lines[0].startswith("## He et al. 2015, ")
    assert lines[-1].startswith("| `resnet18` | 224 | 11.69 M |  | 1.814 G | 1.8 G |  | 71.49 | `resnet18.a1_in1k` |")
    with pytest.raises(InputError, match="`table` and `json` do not go together: choose one"):
        list(listing("resnet18", table=True, json=True))
    with pytest.raises(InputError, match=r"No architecture matches '\*keras\*'"):
        list(listing("*keras*", table=True))


def test_one_architecture_is_listed_with_licence_input_score_and_source() -> None:
    lines = list(listing("resnet50"))
    (line,) = (line for line in lines if line.startswith("resnet50.a1_in1k "))
    assert line.split() == [
        *("resnet50.a1_in1k", "80.38", "224×224", "Apache-2.0", "yes"),
        "https://huggingface.co/timm/resnet50.a1_in1k",
    ]
    assert lines[-1] == f"Train from one of them: plusx fit DATA --model {best_card('resnet50').name}"


def test_an_architecture_without_weights_says_so() -> None:
    assert list(listing("plain18"))[-1] == "No published weights; train it from scratch."


def test_columns_are_aligned() -> None:
    lines = list(listing("resnet18*"))
    assert lines[0].split() == ["architecture", "parameters", "multiply-adds", "weights", "best", "top-1"]
    assert lines[0].index("parameters") + len("parameters") == lines[1].index("11.7M") + len("11.7M")
    assert list(aligned([("a", "1"), ("bbb", "22")], left=(0,))) == ["a     1", "bbb  22"]


def test_json_lines_say_the_same() -> None:
    rows = [json.loads(line) for line in listing("resnet18*", json=True)]
    assert [row["architecture"] for row in rows] == ["resnet18", "resnet18_d", "resnet18_v2"]
    assert rows[0]["parameters"] == 11_689_512
    (card,) = (json.loads(line) for line in listing("resnet50.a1_in1k", json=True))
    assert (card["name"], card["licence"]) == ("resnet50.a1_in1k", "Apache-2.0")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (269_722, "270k"),
        (25_557_032, "25.6M"),
        (4.089e9, "4.1G"),
        (1e11, "100G"),
    ],
)
def test_large_numbers_are_abbreviated(number: float, text: str) -> None:
    assert abbreviated(number) == text


def test_facts_of_a_card_are_in_words_and_empty_ones_left_out() -> None:
    facts = facts_of(published("resnet50.tv_in1k_v2")[0])
    assert facts["input"].startswith("224×224 RGB, short side to 232, centre cut out, bilinear, mean 0.485, ")
    assert facts["licence"] == "BSD-3-Clause (free for commercial use)"
    assert "sha256" in facts
    assert facts_of(published("resnet50.fb_ssl_yfcc100m_ft_in1k")[0])["licence"].endswith("(no commercial use)")
    assert all(facts.values())
