"""Detection heads through torch.export and ONNX Runtime, with a batch of any size: the same candidates."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from plusx.core.backbone import Features


class OfMaps(nn.Module):
    """A head with its maps as positional inputs."""

    def __init__(self, head: nn.Module, names: tuple[str, ...], size: tuple[int, int]) -> None:
        super().__init__()
        self.head, self.names, self.size = head, names, size

    def forward(self, *maps: Tensor) -> Tensor:
        return self.head(dict(zip(self.names, maps, strict=True)), self.size)


def check_exported(head: nn.Module, features_of: Callable[[int], Features], size: tuple[int, int], path: Path) -> None:
    """`features_of`: a number of images. The head's candidates, the recorded graph's and those of its ONNX file."""
    example, names = features_of(2), tuple(features_of(2))
    shapes = (tuple({0: torch.export.Dim("batch")} for _ in names),)
    program = torch.export.export(OfMaps(head, names, size), tuple(example.values()), dynamic_shapes=shapes)
    exported = torch.onnx.export(program, dynamo=True, verbose=False, optimize=False)
    assert exported is not None
    exported.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for images in (1, 3):
        features = features_of(images)
        arrays = {one.name: maps.numpy() for one, maps in zip(session.get_inputs(), features.values(), strict=True)}
        found = torch.from_numpy(np.asarray(session.run(None, arrays)[0]))
        with torch.inference_mode():
            expected, recorded = head(features, size), program.module()(*features.values())
        _check_same(recorded, expected)
        _check_same(found, expected)


def _check_same(found: Tensor, expected: Tensor) -> None:
    """Equal scores may come in any order."""
    torch.testing.assert_close(found[..., 4], expected[..., 4], atol=1e-5, rtol=0)
    assert torch.cdist(expected, found, p=torch.inf).amin(dim=2).max() < 2e-3
