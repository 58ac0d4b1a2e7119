import pytest
import torch
from torch import nn

from plusx.core.backbone import Backbone
from plusx.core.stage import Stage


class TinyBackbone(Backbone):
    """Two convolutions, strides 2 and 4: small enough for tests that train."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = (Stage("conv1", 8, 2), Stage("conv2", 16, 4))
        self.conv1 = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU())


@pytest.fixture
def backbone() -> Backbone:
    torch.manual_seed(0)
    return TinyBackbone()
