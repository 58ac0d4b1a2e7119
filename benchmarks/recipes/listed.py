"""A torch data set of the contest's rows, for libraries that take one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from recipes.sets import Target


class Listed(Dataset[tuple[Any, Any]]):
    """Images in RGB. `transform` may be set later, as timm does."""

    def __init__(self, rows: Sequence[tuple[Path, Target]], transform: Callable[[Any], Any] | None = None) -> None:
        self.rows, self.transform = rows, transform

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.rows[index]
        image = Image.open(path).convert("RGB")
        return image if self.transform is None else self.transform(image), target


@torch.no_grad()
def outputs(model: nn.Module, images: Sequence[Path], transform: Callable[[Any], Any]) -> NDArray[np.float64]:
    """Of a network in evaluation mode."""
    model.eval()
    loader = DataLoader(Listed([(path, 0) for path in images], transform), batch_size=32, num_workers=2)
    return torch.cat([model(batch) for batch, _ in loader]).double().numpy()


def with_weights(model: nn.Module, weights: Path | None) -> nn.Module:
    """Of the same network but for its last layer, in torchvision's keys."""
    if weights is not None:
        found = torch.load(weights, weights_only=True)
        model.load_state_dict({key: value for key, value in found.items() if not key.startswith("fc.")}, strict=False)
    return model
