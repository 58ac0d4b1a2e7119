"""Each piece of advice, and its absence, on a real run that shows the condition."""

import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from pictures import colour_folder
from plusx.weights.modelfile import load_model, save_model
from plusx.workflows.fit import fit

pytestmark = pytest.mark.slow

QUICK: dict[str, Any] = {"model": "resnet20", "workers": 0, "device": "cpu", "export": False, "precision": "fp32"}


def advice_of(data: Path, out: Path, **settings: Any) -> str:
    page = fit(data, **QUICK, out=out, **settings).report.read_text(encoding="utf-8")
    assert "Step by step" in page
    found = re.search(r'<li class="advice"><strong>(.*)</strong>', page)
    return "" if found is None else found.group(1)


def test_a_healthy_run_gets_none(tmp_path: Path) -> None:
    assert advice_of(colour_folder(tmp_path / "data", 40), tmp_path / "run", epochs=6, rate=0.05) == ""


def test_far_too_few_epochs(tmp_path: Path) -> None:
    found = advice_of(colour_folder(tmp_path / "data", 40), tmp_path / "run", epochs=2, rate=0.004, average="none")
    assert found.startswith("Under-fitting: ")


def test_a_rate_that_is_too_high(tmp_path: Path) -> None:
    found = advice_of(colour_folder(tmp_path / "data", 30), tmp_path / "run", epochs=4, rate=4.0)
    assert found.startswith("The learning rate looks too high: ")


def test_dead_units(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data", 40)
    found = load_model(fit(data, **QUICK, out=tmp_path / "first", epochs=1).model)
    for name, norm in found.task.backbone.named_modules():
        if isinstance(norm, nn.BatchNorm2d) and name.startswith("conv3"):
            nn.init.constant_(norm.bias, -1000.0)  # no ReLU behind it fires
    save_model(tmp_path / "dead.safetensors", found.task, found.card, found.extra)
    settings: dict[str, Any] = {"weights": str(tmp_path / "dead.safetensors"), "recipe": "paper", "rate": 0.001}
    assert advice_of(data, tmp_path / "run", epochs=6, **settings).startswith("Dead units: ")


def test_wrong_labels(tmp_path: Path) -> None:
    draw, right = random.Random(0), colour_folder(tmp_path / "right", 90)
    folders = sorted(right.iterdir())
    for folder in folders:
        for file in sorted(folder.iterdir()):
            to = tmp_path / "data" / (draw.choice(folders) if draw.random() < 0.5 else folder).name
            to.mkdir(parents=True, exist_ok=True)
            shutil.move(file, to / f"{folder.name}-{file.name}")
    found = advice_of(tmp_path / "data", tmp_path / "run", epochs=6, rate=0.05, val_fraction=0.5)
    assert found.startswith("Label noise suspected: ")
