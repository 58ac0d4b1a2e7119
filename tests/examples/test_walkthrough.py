"""The walk-through tells the truth: quoted code is in its file, examples print what is below them, commands exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pages import (
    assert_examples_print_what_is_below_them,
    assert_quotes_are_in_their_files,
    blocks,
    dead_links,
    every_fence_is_seen,
    examples,
    links,
    quotes,
    text,
)
from plusx.cli.parser import parse
from plusx.cli.verbs import VERBS

PLUSX = "import sys; from plusx.cli.main import main; sys.exit(main())"
PAGES = ("walkthrough.md", "walkthrough.zh-CN.md")


def keras_and_plusx(page: str) -> tuple[str, str]:
    keras, ours = (block.code for block in blocks(page) if block.network)
    return keras, ours


def commands(page: str) -> list[str]:
    """Lines that begin with plusx, fenced or indented."""
    return re.findall(r"^(?:    )?(plusx .*)$", text(page), flags=re.MULTILINE)


def test_the_tests_see_every_block() -> None:
    assert every_fence_is_seen(PAGES[0])
    assert len(quotes(PAGES[0])) >= 15
    assert len(examples(PAGES[0])) >= 10


@pytest.mark.parametrize("page", PAGES)
def test_quoted_code_is_in_its_file(page: str) -> None:
    assert_quotes_are_in_their_files(page)


def test_both_languages_show_the_same_blocks() -> None:
    assert blocks(PAGES[0]) == blocks(PAGES[1])
    headings = [len(re.findall("^#+ ", text(page), flags=re.MULTILINE)) for page in PAGES]
    assert headings[0] == headings[1]


def test_both_languages_link_to_the_same_places() -> None:
    english, chinese = (links(page) for page in PAGES)
    assert chinese == [link.replace(".svg", ".zh-CN.svg") if ".svg" in link else link for link in own(english)]


def own(links_of_the_page: list[str]) -> list[str]:
    """The links of the English page with the link to its other language turned round."""
    return [PAGES[0] if link == PAGES[1] else link for link in links_of_the_page]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    assert dead_links(page) == []


def test_examples_print_what_is_below_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_examples_print_what_is_below_them(PAGES[0])


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_understood(page: str) -> None:
    found = commands(page)
    assert {line.split()[1] for line in found} == {"fit", "predict", "export"}
    for line in found:
        _, verb, *words = shlex.split(line)
        assert parse(VERBS[verb].grammar, words) is not None, line


@pytest.mark.slow
def test_fine_tuning_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of sections 11 and 13, with one epoch."""
    import plusx

    monkeypatch.chdir(tmp_path)
    folders = next(block for block in examples(PAGES[0]) if "known" in block.code)
    exec(folders.code, {})
    environment = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for block in blocks(PAGES[0]):
        for line in block.code.splitlines() if block.language == "sh" else ():
            words = shlex.split(re.sub(r"--epochs \d+", "--epochs 1", line))
            done = subprocess.run(
                [sys.executable, "-c", PLUSX, *words[1:]], env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert {path.name for path in Path("runs/new").iterdir()} >= {"model.onnx", "model.pt2", "report.html"}
    assert len(Path("sevens.json").read_text(encoding="utf-8").splitlines()) == len(list(Path("new/val/7").iterdir()))
    assert plusx.load("runs/new").predict("new/val/7")[0].label in "56789"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras
def test_keras_and_plusx_take_the_same_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of section 14 without the published weights, with one epoch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    session: dict[str, Any] = {}
    exec("import plusx", session)
    for split, count in (("train", 10), ("val", 10)):
        session[f"x_{split}"] = rng.integers(0, 256, (count, 224, 224, 3), dtype=np.uint8)
        session[f"y_{split}"] = np.eye(10, dtype=np.float32)[np.arange(count) % 10]
    keras, ours = keras_and_plusx(PAGES[0])
    exec(keras.replace('weights="imagenet"', "weights=None").replace("epochs=9", "epochs=1"), session)
    assert session["classifier"].output_shape == (None, 10)
    exec(ours.replace("resnet50.keras_in1k", "resnet50_v1").replace("epochs=10", "epochs=1"), session)
    assert 0 <= session["run"].metrics["accuracy"] <= 1
