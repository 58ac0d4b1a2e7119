"""plusx recipes: the table, one recipe with its sources, its schedule as a picture."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import pytest

from plusx.cli.main import main
from plusx.workflows.recipe_list import markdown
from plusx.workflows.recipes.catalogue import names


def test_the_table_needs_no_torch() -> None:
    code = "import sys; from plusx.cli.main import main; main(['recipes']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].split()[:2] == ["recipe", "cost"]
    assert all(f"\n{name} " in done.stdout for name in names())


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["name"] for row in rows} == set(names())
    assert main(["recipes", "paper", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert (one["settings"]["plan.optimizer.rate"], one["settings"]["batch_size"]) == (0.1, 256)


@pytest.mark.parametrize(("page", "language"), [("recipes.md", "en"), ("recipes.zh-CN.md", "zh")])
def test_the_table_in_the_docs_is_that_of_the_recipes(page: str, language: Literal["en", "zh"]) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    assert "\n".join(markdown(language)) in text, f"docs/{page}: paste what `plusx recipes --table` prints"
    assert all(f"`{name}`" in text for name in names())


def test_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "--table"]) == 0
    assert capsys.readouterr().out.splitlines() == list(markdown())


@pytest.mark.parametrize("name", names())
def test_one_recipe_with_its_schedule(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "曲线.svg"
    assert main(["recipes", name, "--plot", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{name}: ")
    assert "plan.optimizer.rate" in shown
    root = ElementTree.parse(picture).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.find("{http://www.w3.org/2000/svg}polyline") is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["papper"], "Unknown recipe 'papper'. Did you mean paper, "),
        (["--plot", "a.svg"], "--plot draws the schedule of one recipe; name it: plusx recipes a3 --plot a.svg"),
        (["paper", "--table"], "--table prints all recipes; leave the name away"),
        (["paper", "--plot", "a.png"], "--plot a.png: the schedule is drawn as SVG; name a file that ends in .svg"),
    ],
)
def test_what_cannot_be(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", *words]) == 1
    assert said in capsys.readouterr().err
