"""The walk-through tells the truth: quoted code is in its file, examples print what is below them, commands exist."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plusx.cli.parser import parse
from plusx.cli.verbs import VERBS

ROOT = Path(__file__).parents[2]
PLUSX = "import sys; from plusx.cli.main import main; sys.exit(main())"
PAGES = ("walkthrough.md", "walkthrough.zh-CN.md")
FENCE = re.compile(
    r"(?:^\[`(?P<file>[^`]+)`\]\(\.\./(?P=file)\):\n\n)?"
    r"(?P<network><!-- weights from the network -->\n)?"
    r"^```(?P<language>\w*)\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)```\n)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block. file: where it is quoted from; output: what the page prints below it."""

    language: str
    code: str
    file: str | None
    output: str | None
    network: bool


def text(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    found = [match.groupdict() for match in FENCE.finditer(text(page))]
    return [Block(f["language"], f["code"], f["file"], f["output"], f["network"] is not None) for f in found]


def quotes(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.file is not None]


def examples(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.language == "python" and block.file is None and not block.network]


def keras_and_plusx(page: str) -> tuple[str, str]:
    keras, ours = (block.code for block in blocks(page) if block.network)
    return keras, ours


def commands(page: str) -> list[str]:
    """Lines that begin with plusx, fenced or indented."""
    return re.findall(r"^(?:    )?(plusx .*)$", text(page), flags=re.MULTILINE)


def test_the_tests_see_every_block() -> None:
    fences = len(re.findall("^```", text(PAGES[0]), flags=re.MULTILINE))
    found = blocks(PAGES[0])
    assert fences == 2 * (len(found) + sum(block.output is not None for block in found))
    assert len(quotes(PAGES[0])) >= 15
    assert len(examples(PAGES[0])) >= 10


@pytest.mark.parametrize("page", PAGES)
def test_quoted_code_is_in_its_file(page: str) -> None:
    for quote in quotes(page):
        source = (ROOT / str(quote.file)).read_text(encoding="utf-8")
        assert "\n" + quote.code in source, f"{page} quotes from {quote.file} what is no longer there:\n{quote.code}"


def test_both_languages_show_the_same_blocks() -> None:
    assert blocks(PAGES[0]) == blocks(PAGES[1])
    headings = [len(re.findall("^#+ ", text(page), flags=re.MULTILINE)) for page in PAGES]
    assert headings[0] == headings[1]


def test_both_languages_link_to_the_same_places() -> None:
    links = [re.findall(r"\]\(([^)]+)\)", text(page)) for page in PAGES]
    assert links[1] == [link.replace(".svg", ".zh-CN.svg") if ".svg" in link else link for link in own(links[0])]


def own(links: list[str]) -> list[str]:
    """The links of the English page with the link to its other language turned round."""
    return [PAGES[0] if link == PAGES[1] else link for link in links]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)", text(page)):
        assert link.startswith("https://") or (ROOT / "docs" / link).exists(), f"{page}: {link} does not exist"


def test_examples_print_what_is_below_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session: dict[str, Any] = {}
    for block in examples(PAGES[0]):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(block.code, session)
        assert printed.getvalue() == (block.output or ""), block.code


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
