"""A local weights file of any layout, recognised by its first bytes and read without executing anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from plusx.weights.header import Header


@dataclass(frozen=True)
class Checkpoint:
    """Tensors under the names they have in the file; `header` where it is a plusx model file."""

    path: Path
    tensors: Mapping[str, Tensor]
    header: Header | None = None


def read_checkpoint(path: Path) -> Checkpoint:
    """Tensors of a safetensors, torch or Keras file, on the CPU.

    torch: the state dict itself or inside a dict (`state_dict`, `model`, ...); `module.` prefixes are dropped.
    Keras: legacy .h5, .weights.h5 and .keras; needs h5py. Raises `WeightsError` for a missing, damaged or foreign
    file, and for a pickle that would execute code, naming what it would call.
    """
    raise NotImplementedError
