"""Weights that Keras wrote: legacy `.h5`, `.weights.h5`, and `.keras` (a zip that holds a `.weights.h5`).

The legacy layout lists layers in an attribute and names every variable: `conv1_conv/conv1_conv/kernel:0`. The new one
numbers the variables of a layer below `<class>_<n>/vars`, whose attribute `name`, where there is one, is the layer's.
"""

import io
import re
import zipfile
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from plusx.core.errors import MissingExtraError, WeightsError

KERAS_MEMBER: Final = "model.weights.h5"  # inside a .keras archive
_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_LARGEST_RATIO: Final = 100  # bytes of arrays per byte of file; more is a file made to fill the memory
_FLOOR: Final = 10_000_000  # bytes of arrays that any file may hold

_VARIABLES: Final = {  # in the order in which Keras 3 layers build them
    "conv2d": ("kernel", "bias"),
    "depthwise_conv2d": ("kernel", "bias"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "dense": ("kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
}


def is_hdf5(path: Path) -> bool:
    """Whether the file has the HDF5 signature, at its start or behind a user block (512 bytes, doubled thrice)."""
    with path.open("rb") as file:
        for offset in (0, 512, 1024, 2048):
            file.seek(offset)
            if file.read(len(_SIGNATURE)) == _SIGNATURE:
                return True
    return False


def read_keras(path: Path) -> dict[str, Tensor]:
    """Arrays by `layer/variable` (`conv1_conv/kernel`), in Keras' order of axes.

    Layers whose name the file does not tell keep their number: `conv2d_3/kernel`. Raises `WeightsError` where the
    file is damaged, and `MissingExtraError` without h5py.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("h5py", "keras", f"Reading the Keras file {path}") from error
    try:
        source = io.BytesIO(_member(path)) if zipfile.is_zipfile(path) else path
        with h5py.File(source, "r") as file:
            root = file.get("model_weights", file)
            legacy = any(key.startswith("layer_names") for key in root.attrs)
            datasets = _legacy_datasets(root) if legacy else _numbered_datasets(root)
            _check(path, root, datasets)
            arrays = {name: torch.from_numpy(dataset[()]) for name, dataset in datasets.items()}
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, zipfile.BadZipFile) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{path} is cut off or damaged: {error}. Get the file again.") from error
    if not arrays:
        raise WeightsError(f"{path} is an HDF5 file without Keras weights. Save it with model.save_weights(...).")
    return arrays


def _member(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo(KERAS_MEMBER).file_size
        if size > max(_FLOOR, _LARGEST_RATIO * path.stat().st_size):
            raise WeightsError(f"{path} would unpack to {size} bytes; it was made to fill the memory.")
        return archive.read(KERAS_MEMBER)


def _texts(attributes: Any, name: str) -> list[str]:
    """An attribute of texts, which Keras cuts into `name0`, `name1`, ... where it is long."""
    keys = [name] if name in attributes else sorted((k for k in attributes if k.startswith(name)), key=_number)
    values = [value for key in keys for value in attributes[key]]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _legacy_datasets(root: Any) -> dict[str, Any]:
    """Datasets by name; a model inside the model (`resnet50/conv1_conv/kernel:0`) gives its own layers' names.

    A layer's own name may hold slashes too (`expanded_conv/depthwise/BatchNorm` of older MobileNetV3).
    """
    datasets = {}
    for layer in _texts(root.attrs, "layer_names"):
        for weight in _texts(root[layer].attrs, "weight_names"):
            parts = weight.split(":")[0].split("/")
            owner = layer if "/" in layer or len(parts) == 1 else parts[-2]
            datasets[f"{owner}/{parts[-1]}"] = root[layer][weight]
    return datasets


def _numbered_datasets(root: Any) -> dict[str, Any]:
    datasets: dict[str, Any] = {}

    def visit(path: str, group: Any) -> None:
        *_, owner, last = ("", *path.split("/"))
        if last != "vars" or path.startswith("optimizer") or owner.startswith("seed_generator"):
            return
        names = _VARIABLES.get(re.sub(r"_\d+$", "", owner), ())
        layer = str(group.attrs.get("name", owner))
        for number in sorted(group, key=int):
            variable = names[int(number)] if int(number) < len(names) else number
            datasets[f"{layer}/{variable}"] = group[number]

    root.visititems(visit)
    return datasets


def _check(path: Path, root: Any, datasets: dict[str, Any]) -> None:
    """Refuses arrays that lie in other files, and more bytes than such a file can hold."""
    outside = [
        name
        for name, dataset in datasets.items()
        if dataset.external or dataset.is_virtual or dataset.file.filename != root.file.filename
    ]
    if outside:
        raise WeightsError(f"{path} was refused: {outside[0]} points into another file.")
    total = sum(dataset.nbytes for dataset in datasets.values())
    if total > max(_FLOOR, _LARGEST_RATIO * path.stat().st_size):
        raise WeightsError(f"{path} would unpack to {total} bytes; it was made to fill the memory.")


def _number(text: str) -> int:
    return int(re.sub(r"\D", "", text) or 0)
