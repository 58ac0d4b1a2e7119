"""What `plusx.load` gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from plusx.backbones.create import build
from plusx.core.card import Card, Input
from plusx.core.errors import DataError, InputError
from plusx.deploy.export import export
from plusx.tasks.create import create
from plusx.weights.modelfile import save_model
from plusx.workflows.load import load
from plusx.workflows.predict import predict
from plusx.workflows.run import Run

CLASSES = ("rose", "玫瑰")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with the model in both forms."""
    directory = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    task = create("classify", build("resnet20"), {"classes": list(CLASSES)})
    card = Card("resnet20", "resnet20", input=Input((32, 40), 32), classes=CLASSES)
    save_model(directory / "model.safetensors", task, card)
    export(task, card, directory / "model.onnx")
    return directory


@pytest.mark.parametrize("file", ["", "model.onnx", "model.safetensors"])
def test_a_model_says_what_it_is(file: str, run: Path) -> None:
    assert repr(load(run / file)) == "Model(resnet20, classify, classes: 2, input: 32×40)"


def test_a_model_of_values_counts_values(tmp_path: Path) -> None:
    task = create("regress", build("resnet20"), {"columns": ["age"], "mean": [0.0], "std": [1.0]})
    card = Card("resnet20", "resnet20", input=Input((32, 32), 32), classes=("age",))
    save_model(tmp_path / "model.safetensors", task, card)
    assert repr(load(tmp_path)) == "Model(resnet20, regress, values: 1, input: 32×32)"


def test_it_predicts_lists_and_names_what_cannot_be_read(run: Path, tmp_path: Path) -> None:
    model = load(run)
    assert model.card.classes == CLASSES
    (one,) = model.predict(np.zeros((50, 50, 3), np.uint8))
    assert one.label in CLASSES
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"(?s)^1 of 1 images could not be read:\n.*a\.png: "):
        model.predict(tmp_path / "a.png")


def test_what_fit_gives_stands_for_its_directory(run: Path) -> None:
    assert repr(load(Run(run, {}))) == repr(load(run))


def test_predict_says_that_an_open_model_predicts_by_itself(run: Path) -> None:
    opened: Any = load(run)
    with pytest.raises(InputError, match=r"^model: found Model, expected a run, .* model\.predict\(images\)"):
        predict(opened, np.zeros((50, 50, 3), np.uint8))


def test_an_unfinished_run_has_none(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"is unfinished: .* plusx fit --resume "):
        load(tmp_path)
