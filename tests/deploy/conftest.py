"""Three small models, one a task, that differ in everything a card can say; each exported once."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from plusx.core.backbone import Backbone
from plusx.core.card import Card, Input
from plusx.core.stage import Stage
from plusx.core.task import Task
from plusx.deploy.export import export
from plusx.tasks.create import create

CONFIGS: dict[str, dict[str, Any]] = {
    "classify": {"classes": ["rose", "tulip", "玫瑰"]},
    "multilabel": {"classes": ["red", "round"], "threshold": 0.4},
    "regress": {"columns": ["age", "weight"], "mean": [40.0, -2000.0], "std": [10.0, 0.5]},
}
INPUTS = {
    "classify": Input((32, 32), 37),
    "multilabel": Input((30, 44), fit="pad", interpolation="bicubic", order="BGR", mean=(0.4, 0.5, 0.6)),
    "regress": Input((24, 40), fit="squash", interpolation="nearest", order="L", mean=(0.5,), std=(0.25,)),
}


class TinyBackbone(Backbone):
    """One stage that tells colours and directions apart."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stages = (Stage("conv1", 8, 4),)
        self.conv1 = nn.Sequential(nn.Conv2d(channels, 8, 7, 4, 3), nn.BatchNorm2d(8), nn.ReLU())


@dataclass(frozen=True)
class Model:
    task: Task
    card: Card

    def image(self, height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
        """Noise around a colour of its own."""
        rng = np.random.default_rng(seed)
        shape = (height, width, self.card.input.channels)
        return np.clip(rng.uniform(0, 255, shape[2]) + rng.normal(0, 60, shape), 0, 255).astype(np.uint8)


def tiny_model(name: str, seed: int = 0) -> Model:
    """Its head is steep, so that probabilities tell images apart."""
    torch.manual_seed(seed)
    card_input = INPUTS[name]
    task = create(name, TinyBackbone(card_input.channels), CONFIGS[name])
    for module in task.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=2.0)
    return Model(task, Card("tiny.test", "tiny", input=card_input, classes=tuple(CONFIGS[name].get("classes", ()))))


@pytest.fixture
def model() -> Callable[[str], Model]:
    return tiny_model


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Name of the task → ONNX file of `tiny_model`, made on first use for all test processes. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "exported"
    directory.mkdir(exist_ok=True)

    def file(name: str) -> Path:
        path = directory / f"{name}.onnx"
        if not path.exists():
            tiny = tiny_model(name)
            export(tiny.task, tiny.card, path)
        return path

    return file
