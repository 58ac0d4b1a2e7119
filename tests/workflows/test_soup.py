import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import plusx
from pictures import colour_folder
from plusx.cli.main import main
from plusx.core.errors import InputError
from plusx.nn.losses.focal import Focal
from plusx.tasks.classify import Classify
from plusx.weights.modelfile import load_model
from plusx.workflows.directory import model_file
from plusx.workflows.fit import fit
from plusx.workflows.ingredients import refuse_others
from plusx.workflows.soup import soup

QUICK: dict[str, Any] = {"model": "resnet20", "workers": 0, "device": "cpu", "export": False, "precision": "fp32"}
COMMON: dict[str, Any] = {"workers": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three short runs, the first with its checkpoints, the last of another network."""
    root = tmp_path_factory.mktemp("汤")
    data = colour_folder(root / "data", 6)
    rates = (0.01, 0.03)
    found = [
        fit(data, **QUICK, epochs=2, keep=4, rate=rate, average="none", out=root / f"run-{rate}").path for rate in rates
    ]
    found.append(fit(data, **{**QUICK, "model": "resnet32"}, epochs=1, seed=1, out=root / "other").path)
    return found


def test_a_uniform_soup_is_a_run(runs: list[Path], tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "soup"
    assert main(["soup", *map(str, runs[:2]), "--uniform", "--out", str(out), "--workers", "0", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "soup of 2 of 2: accuracy " in shown
    assert "BatchNorm statistics taken anew from 15 training images" in shown
    made, parts = load_model(out / "model.safetensors"), [load_model(run / "model.safetensors") for run in runs[:2]]
    for name, value in made.task.named_parameters():
        both = torch.stack([dict(part.task.named_parameters())[name].detach() for part in parts])
        assert torch.allclose(value, both.mean(0), atol=1e-6)
    figures = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert plusx.evaluate(out, workers=0, device="cpu").metrics == pytest.approx(figures)
    assert dict(made.card.metrics) == pytest.approx(figures)
    assert plusx.export(out).path == out / "model.onnx"
    with pytest.raises(InputError, match=r"was made of other runs by plusx soup: it has no training to go on with"):
        fit(resume=out)


def test_greedily_over_the_checkpoints_of_one_run(runs: list[Path], tmp_path: Path) -> None:
    found = soup(runs[0], out=tmp_path / "model.safetensors", **COMMON)
    assert len(found.scores) >= 2
    assert found.metrics["accuracy"] >= max(found.scores.values())
    assert found.better
    left_out = [line for line in found.lines() if line.endswith("  (left out)")]
    assert len(left_out) == len(found.scores) - len(found.chosen)
    assert load_model(found.path).extra["soup"]["ingredients"] == list(found.chosen)


def test_what_shaped_the_training_alone_may_differ(runs: list[Path]) -> None:
    one, other = (load_model(model_file(runs[0])) for _ in range(2))
    assert isinstance(other.task, Classify)
    other.task.settings = replace(other.task.settings, label_smoothing=0.2, dropout=0.1)
    refuse_others("a", one, "b", other)
    other.task.settings = replace(other.task.settings, label_smoothing=0.0, dropout=0.0, loss=Focal(gamma=3))
    with pytest.raises(InputError, match=r"no soup; they differ in task · loss: none → name focal, gamma 3"):
        refuse_others("a", one, "b", other)


def test_what_makes_no_soup(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"make no soup; they differ in architecture: resnet20 → resnet32; images and their split\. With "
        r"another split, one was trained on images that judge the other: bring a validation split",
    ):
        soup(runs[0], runs[2], **COMMON)
    with pytest.raises(InputError, match=r"holds one set of weights, and a soup needs two. Name other runs beside it"):
        soup(runs[0] / "model.safetensors", runs[0], runs[0], **COMMON)
    with pytest.raises(InputError, match=r"--greedy and --uniform exclude each other"):
        soup(runs[0], greedy=True, uniform=True)
    with pytest.raises(InputError, match=r"Model files know no images to judge on: name at least one run directory"):
        soup(runs[0] / "model.safetensors")
    with pytest.raises(InputError, match=r"There is no run "):
        soup(runs[0], tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"exists. Give another --out"):
        soup(*runs[:2], out=runs[0] / "model.safetensors")
