import pytest
import torch
from torch import nn

from plusx.core.backbone import Backbone
from plusx.core.stage import Stage


class Halving(Backbone):
    """A 3×3 of stride 2, normalisation and ReLU a stage: strides 2, 4, 8, 16 and 32 with 16 to 80 maps."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = tuple(Stage(f"conv{i}", 16 * i, 2**i) for i in range(1, 6))
        channels = 3
        for stage in self.stages:
            layers = (nn.Conv2d(channels, stage.channels, 3, 2, 1), nn.BatchNorm2d(stage.channels), nn.ReLU())
            self.add_module(stage.name, nn.Sequential(*layers))
            channels = stage.channels


@pytest.fixture
def backbone() -> Backbone:
    torch.manual_seed(0)
    return Halving()
