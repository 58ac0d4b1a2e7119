"""The experiment of the walk-through: its files are those its data gives, and the data shows what the text says."""

import importlib
import json
import re
import statistics
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NETWORKS = {"plain20": 19, "plain56": 55, "resnet20": 19, "resnet56": 55}  # and how many 3×3 convolutions they have
MADE_UP: list[dict[str, Any]] = [
    {"network": name, "seed": seed, "loss": [2.0, 1 / seed], "error": [0.9, 0.1], "gradients": [[4.0 * seed, 0.5]]}
    for name in NETWORKS
    for seed in (1, 2, 4)
]


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """examples/degradation.py; its neighbour is found as when it is run."""
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        return importlib.import_module("degradation")
    finally:
        sys.path.remove(str(ROOT / "examples"))


@pytest.fixture(scope="module")
def runs() -> list[dict[str, Any]]:
    return json.loads((DOCS / "degradation.json").read_text(encoding="utf-8"))


def median(example: ModuleType, runs: list[dict[str, Any]], network: str, key: str) -> float:
    return statistics.median(example.of_seeds(runs, network, key))


def test_data_is_whole(runs: list[dict[str, Any]]) -> None:
    seeds = {name: sorted(run["seed"] for run in runs if run["network"] == name) for name in NETWORKS}
    assert len({tuple(found) for found in seeds.values()}) == 1, f"every network needs every seed, found {seeds}"
    assert seeds["plain20"]
    for run in runs:
        assert len(run["loss"]) == len(run["error"]) == 12
        assert len(run["gradients"][0]) == NETWORKS[run["network"]]


def test_plots_are_those_of_the_data(example: ModuleType, runs: list[dict[str, Any]]) -> None:
    for name, picture in example.pictures(runs).items():
        found = (DOCS / name).read_text(encoding="utf-8")
        assert found == picture, f"docs/{name} is old: python examples/degradation.py --plot-only"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_tables_are_those_of_the_data(example: ModuleType, runs: list[dict[str, Any]], language: str) -> None:
    page = (DOCS / example.PAGES[language]).read_text(encoding="utf-8")
    assert page.count(example.BEGIN) == page.count(example.END) == 1
    assert page == example.with_table(page, runs, language), "python examples/degradation.py --plot-only"


def test_data_shows_what_the_text_says(example: ModuleType, runs: list[dict[str, Any]]) -> None:
    loss = {name: median(example, runs, name, "loss") for name in NETWORKS}
    assert loss["plain56"] > 2 * loss["plain20"], "plain networks degrade"
    assert loss["resnet20"] < loss["plain20"], "the sum helps the shallow network"
    assert loss["resnet56"] < loss["plain56"], "the sum helps the deep network"
    assert loss["resnet56"] < loss["resnet20"], "the deeper residual network trains better"
    growth = {
        name: median(example, runs, name, "first layer") / median(example, runs, name, "last layer")
        for name in NETWORKS
    }
    assert growth["plain56"] > 1000
    assert growth["resnet56"] < growth["plain56"] / 20


def test_number_of_steps_in_the_text(example: ModuleType, runs: list[dict[str, Any]]) -> None:
    steps = len(runs[0]["loss"]) * -(-1797 // example.BATCH)
    for page in example.PAGES.values():
        assert re.search(rf"\b{steps} (steps|步)", (DOCS / page).read_text(encoding="utf-8"))


def test_gradients_are_those_of_the_networks(example: ModuleType, runs: list[dict[str, Any]]) -> None:
    """Measured anew, for the network in which errors would grow least."""
    run = next(run for run in runs if run["network"] == "resnet20")
    torch.manual_seed(run["seed"])
    model = example.create_model("resnet20", classes=10)
    images, digits = example.images_and_digits()
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(run["seed"]))[: example.BATCH]
    torch.nn.functional.cross_entropy(model(images[chosen]), digits[chosen]).backward()
    assert example.norms_of_gradients(model) == pytest.approx(run["gradients"][0], rel=1e-3)


def test_images_are_the_digits_as_the_networks_want_them(example: ModuleType) -> None:
    images, digits = example.images_and_digits()
    assert images.shape == (1797, 3, 32, 32)
    assert (images.min(), images.max()) == (-1, 1)
    assert digits.bincount().min() > 170


def test_experiment_is_repeatable(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    images, digits = example.images_and_digits()
    monkeypatch.setattr(example, "images_and_digits", lambda: (images[:16, :, ::2, ::2], digits[:16]))
    first, second = (example.experiment("plain20", epochs=2, seed=3) for _ in range(2))
    assert first == second
    assert len(first["loss"]) == 2
    assert len(first["gradients"]) == 1
    assert len(first["gradients"][0]) == NETWORKS["plain20"]
    assert all(0 <= error <= 1 for error in first["error"])


def test_table_has_median_and_range(example: ModuleType) -> None:
    lines = example.table(MADE_UP, "en").splitlines()
    assert (
        lines[2] == "| plain-20 | 1.250 (1.125 – 1.500) | 50.0% (50.0% – 50.0%) | 8 (4 – 16) | 0.50 (0.50 – 0.50) | 3 |"
    )
    one = example.table([run for run in MADE_UP if run["seed"] == 1], "zh-CN").splitlines()
    assert one[2] == "| plain-20 | 1.500 | 50.0% | 4 | 0.50 | 1 |"


def test_table_takes_the_place_of_the_old_one(example: ModuleType) -> None:
    page = f"before\n{example.BEGIN}old\n{example.END}\nafter\n"
    new = example.with_table(page, MADE_UP, "en")
    assert new == f"before\n{example.BEGIN}{example.table(MADE_UP, 'en')}{example.END}\nafter\n"
    assert example.with_table(new, MADE_UP, "en") == new


@pytest.mark.parametrize("name", ["degradation.svg", "gradients.svg", "degradation.zh-CN.svg", "gradients.zh-CN.svg"])
def test_pictures_stand_alone(example: ModuleType, name: str) -> None:
    made = example.pictures(MADE_UP)[name]
    picture = ElementTree.fromstring(made)
    inside = "{http://www.w3.org/2000/svg}"
    assert picture.tag == inside + "svg"
    assert made.count("http") == 1, "nothing is loaded from elsewhere"
    assert picture.find(inside + "style") is not None
    panels = 2 if "degradation" in name else 1
    kinds = [line.get("class", "").split()[0] for line in picture.iter(inside + "polyline")]
    assert kinds.count("line") == 4 * (panels + 1), "one line a network in every panel and in the legend"
    assert kinds.count("band") == 4 * panels
    words = "".join(picture.itertext())
    assert ("训练损失" in words or "梯度范数" in words) == ("zh" in name)


def test_bands_go_from_the_lowest_to_the_highest_seed(example: ModuleType) -> None:
    plots = importlib.import_module("degradation_plots")
    assert plots.spread([[1.0, 5.0], [3.0, 2.0], [2.0, 9.0]]) == [(2.0, 1.0, 3.0), (5.0, 2.0, 9.0)]
    with pytest.raises(ValueError, match="shorter"):
        plots.spread([[1.0, 2.0], [1.0]])
