import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from plusx.core.details import ClassScore, Confusion, Curve, Details, Pairs
from plusx.core.errors import StorageError
from plusx.report.facts import Example, Facts, Gallery, Mistake
from plusx.report.page import render, write_report

HOSTILE = "<script>alert('x')</script>&\"'"


class Reader(HTMLParser):
    """Collects elements, headings and visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.headings: list[str] = []
        self.feed(page)
        self.text = " ".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.tags and self.tags[-1] == "h2" and data.strip():
            self.headings.append(data)


def test_sections_stand_in_their_order(facts: Facts) -> None:
    expected = ["Curves", "Results", "Classes", "Worst mistakes", "Data audit", "How to use it", "How it was made"]
    assert list(dict.fromkeys(Reader(render(facts)).headings)) == expected


def test_a_page_of_boxes(facts: Facts) -> None:
    row = ClassScore("cell", 7, 0.5, 0.5, 0.5, {"AP": 0.4, "AP50": 0.6})
    details = Details(
        classes=(row,),
        confusion=Confusion(("cell", "background"), ((123_456, 1), (2, 0)), "boxes"),
        curves=(Curve("cell", (0.0, 1.0), (1.0, 0.5)),),
    )
    galleries = [
        Gallery("Most missed", [Example(b"a jpeg", f"{k}.jpg", f"{9 - k} of 9 missed") for k in range(30)]),
        Gallery("Best", [Example(None, "gone.jpg", "")]),
    ]
    dense = replace(facts, details=details, mistakes=(), galleries=galleries, colours=[("#0072b2", "found")])
    page = Reader(render(dense))
    headings = ["Curves", "Results", "Classes", "Examples", "Data audit", "How to use it", "How it was made"]
    assert list(dict.fromkeys(page.headings)) == headings
    assert page.tags.count("img") == 24
    for words in ("Precision over recall at IoU 0.5", "Most missed", "9 of 9 missed", "boxes", "AP50", "123k"):
        assert words in page.text
    assert "Best" not in [word.strip() for word in page.words]  # no room is left
    assert ("style", "background:#0072b2") in page.attributes


def test_pixels_have_dice(facts: Facts) -> None:
    row = ClassScore("cell", 7, 0.5, 0.5, 0.5, {"IoU": 0.4})
    text = Reader(render(replace(facts, details=Details(classes=(row,))))).text
    assert "Lowest Dice first" in text
    assert "F1" not in text.split("Lowest Dice")[1].split("Worst mistakes")[0]


def test_verdict_comes_first(facts: Facts) -> None:
    text = re.sub(r"\s+", " ", Reader(render(facts)).text)
    order = [
        "clothing-resnet18",
        "resnet18, from resnet18.a1_in1k",
        "92.3 %",
        "Accuracy on 168 validation images",
        "model.onnx gives the same class for 168 of 168 images",
        "Best epoch: 17 of 20.",
        "Always answering “Outwear” would reach",
        "Curves",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_test_images_stand_apart_from_validation(facts: Facts) -> None:
    tested = replace(facts, test_metrics={"accuracy": 0.875, "nll": 0.4321}, tested_on="372 test images")
    text = re.sub(r"\s+", " ", Reader(render(tested)).text)
    order = ["Accuracy on 168 validation images", "87.5\u00a0% Accuracy on 372 test images", "0.4321", "Curves"]
    places = [text.index(re.sub(r"\s+", " ", words)) for words in order]
    assert places == sorted(places)
    assert "Nothing was chosen by these images" in text
    assert "chosen by these images" not in Reader(render(facts)).text


def test_a_file_that_disagrees_has_no_tick(facts: Facts) -> None:
    page = render(replace(facts, agreement=None, disagreement="The file answers otherwise."))
    assert '<li class="disagreement">The file answers otherwise.</li>' in page
    assert 'class="agreement"' not in page


def test_one_epoch_is_said_to_be_one(facts: Facts) -> None:
    reader = Reader(render(replace(facts, history=facts.history[:1], best_epoch=1)))
    assert "There was only one epoch, which makes no curve." in reader.text
    assert "Training loss" in reader.text
    assert "Curves" in reader.headings


def test_what_is_unknown_is_left_out() -> None:
    bare = Facts(title="run", trained="resnet18", created="", command="", primary="accuracy", metrics={"nll": 0.5})
    reader = Reader(render(bare))
    assert reader.headings == []
    assert "svg" not in reader.tags
    assert "Negative log-likelihood" in reader.text


def test_regression(regression_facts: Facts) -> None:
    text = Reader(render(regression_facts)).text
    for words in ("0.213", "Predicted against true: age", "Errors: price", "All 160 files were read to the last byte"):
        assert words in text
    assert "Confusion matrix" not in text


def test_curves_have_a_point_an_epoch_with_its_value(facts: Facts) -> None:
    page = render(facts)
    assert "<title>Accuracy, 1: " in page
    assert "<title>learning rate, 20: " in page
    assert page.count('class="dot s1 seen"') == 6 * 20


def test_hostile_names_are_only_text(facts: Facts) -> None:
    classes = (HOSTILE, "b")
    details = Details(
        (ClassScore(HOSTILE, 2, 0.5, 0.5, 0.5), ClassScore("b", 1, None, None, None)),
        Confusion(classes, ((1, 1), (1, 0))),
        pairs=(Pairs(HOSTILE, (1.0,), (2.0,)),),
    )
    finding = {
        "code": HOSTILE,
        "severity": '"><img>',
        "image": HOSTILE,
        "split": None,
        "message": HOSTILE,
        "advice": "",
    }
    hostile = replace(
        facts,
        title=HOSTILE,
        trained=HOSTILE,
        agreement=HOSTILE,
        disagreement=HOSTILE,
        tested_on=HOSTILE,
        test_metrics={"accuracy": 0.5, HOSTILE: 1.0},
        details=details,
        mistakes=(Mistake(None, HOSTILE, HOSTILE, HOSTILE, None),),
        findings=(finding,),
        history=[{"epoch": 1, HOSTILE: 1.0, f"loss/{HOSTILE}": 1.0}],
        settings={HOSTILE: HOSTILE},
        notes=(HOSTILE,),
    )
    reader = Reader(render(hostile))
    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert HOSTILE in reader.text


def test_nothing_is_fetched(facts: Facts) -> None:
    addresses = [
        value for name, value in Reader(render(facts)).attributes if name in ("src", "href", "srcset", "action")
    ]
    assert addresses
    assert all(value and value.startswith(("data:image/jpeg;base64,", "#")) for value in addresses)
    assert "url(" not in render(facts)
    assert "default-src 'none'" in render(facts)


def test_links_lead_to_sections(facts: Facts) -> None:
    attributes = Reader(render(facts)).attributes
    targets = {value for name, value in attributes if name == "id"}
    assert {(value or "").removeprefix("#") for name, value in attributes if name == "href"} == targets


def test_size_is_bounded(facts: Facts) -> None:
    k = 1100
    classes = tuple(f"class {c} with a rather long name" for c in range(k))
    sparse = tuple(tuple(3 if i == j else int((i + j) % 40 == 0) for j in range(k)) for i in range(k))
    scores = tuple(ClassScore(name, 40, 0.5, 0.5, 0.5, {"AUROC": 0.5}) for name in classes)
    values = tuple(float(v) for v in range(20_000))
    details = Details(
        scores, Confusion(classes, sparse), pairs=tuple(Pairs(f"c{c}", values, values) for c in range(20))
    )
    finding = {"code": "cut-off", "severity": "error", "image": "i", "split": "s", "message": "m" * 9000, "advice": "a"}
    large = replace(
        facts,
        details=details,
        mistakes=[Mistake(b"x" * 299_000, f"{i}.jpg", "a", "b", 0.9) for i in range(300)],
        findings=[finding] * 20_000,
        history=[{"epoch": e, **{f"m{m}": 1.0 / e for m in range(20)}} for e in range(1, 1500)],
        settings={"list": list(range(100_000))},
        notes=["note"] * 500,
    )
    page = render(large)
    assert len(page.encode()) < 20e6
    assert page.count("data:image/jpeg") == 24
    assert "The 100 classes with the most mistakes, of 1100" in page
    assert "1000 of 1100 classes" in page
    assert "the first 200 of 20000 are listed" in page


def test_a_picture_too_large_for_the_page_is_named_without_it(facts: Facts) -> None:
    page = render(replace(facts, mistakes=[Mistake(b"x" * 300_001, "huge.jpg", "a", "b", 0.9)]))
    assert "data:image/jpeg" not in page
    assert "huge.jpg" in page


def test_severest_findings_come_first(facts: Facts) -> None:
    assert facts.findings is not None
    text = Reader(render(replace(facts, findings=facts.findings[::-1]))).text
    assert text.index("The same image is in train and in val") < text.index("The file ends before the image does")


def test_no_audit_and_a_clean_one_differ(facts: Facts) -> None:
    assert "Data audit" not in Reader(render(replace(facts, findings=None))).text
    assert "nothing was found" in Reader(render(replace(facts, findings=()))).text


def test_written_whole_as_utf_8(tmp_path: Path, facts: Facts) -> None:
    path = tmp_path / "报告.html"
    write_report(path, replace(facts, title="衣服", trained="file \udcff name that is no text"))
    page = path.read_text(encoding="utf-8")
    assert "<h1>衣服</h1>" in page
    assert page.endswith("</html>")
    assert [entry.name for entry in tmp_path.iterdir()] == ["报告.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, facts: Facts) -> None:
    with pytest.raises(StorageError, match=r"report\.html could not be written: No such file or directory"):
        write_report(tmp_path / "missing" / "report.html", facts)


def test_needs_no_torch() -> None:
    check = "import sys, plusx.report.page; assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_what_happened_is_told_only_where_something_did(facts: Facts) -> None:
    assert "What happened during the run" not in Reader(render(facts)).text
    page = Reader(render(replace(facts, happened=[("epoch 1, after step 3", f"Skipped: {HOSTILE}")])))
    assert "What happened during the run" in page.text
    assert f"Skipped: {HOSTILE}" in page.text
    assert "script" not in page.tags


def test_what_was_given_and_what_it_came_to_stand_apart() -> None:
    facts = Facts(title="run", trained="", created="", command="", primary="accuracy", metrics={})
    page = render(replace(facts, settings={"recipe": "a3"}, plan={"optimizer": {"name": "lamb"}}))
    given, came = page.split("What they and the recipe came to")
    assert "Settings that were given" in given
    assert "a3" in given
    assert "lamb" in came
    assert "lamb" not in given
