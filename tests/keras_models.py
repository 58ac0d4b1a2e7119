"""Models of keras.applications with random weights, the files that Keras writes of them, and what they answer."""

import importlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from plusx.backbones.catalogue import card
from plusx.nn.preprocess import Normalise

os.environ["KERAS_BACKEND"] = "torch"
keras = importlib.import_module("keras")
_legacy = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")

QUIET = pytest.mark.filterwarnings(  # raised inside Keras by numpy 2 for every tensor that becomes an array
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)
FILES: Final = ("model.weights.h5", "model.keras", "legacy.h5")

_QUICK: Final = {
    "resnet50": ("ResNet50", {}),
    "resnet50_v2": ("ResNet50V2", {}),
    "densenet121": ("DenseNet121", {}),
    "xception": ("Xception", {}),
    "mobilenet_v1_025": ("MobileNet", {"alpha": 0.25}),
    "mobilenet_v2_035": ("MobileNetV2", {"alpha": 0.35}),
    "mobilenet_v3_small_075": ("MobileNetV3Small", {"alpha": 0.75}),
}
_SLOW: Final = {
    **{f"resnet{depth}": (f"ResNet{depth}", {}) for depth in (101, 152)},
    **{f"resnet{depth}_v2": (f"ResNet{depth}V2", {}) for depth in (101, 152)},
    **{f"densenet{depth}": (f"DenseNet{depth}", {}) for depth in (169, 201)},
    "mobilenet_v1_050": ("MobileNet", {"alpha": 0.5}),
    "mobilenet_v1_075": ("MobileNet", {"alpha": 0.75}),
    "mobilenet_v1": ("MobileNet", {}),
    "mobilenet_v1_125": ("MobileNet", {"alpha": 1.25}),
    "mobilenet_v2_050": ("MobileNetV2", {"alpha": 0.5}),
    "mobilenet_v2_075": ("MobileNetV2", {"alpha": 0.75}),
    "mobilenet_v2": ("MobileNetV2", {}),
    "mobilenet_v2_130": ("MobileNetV2", {"alpha": 1.3}),
    "mobilenet_v2_140": ("MobileNetV2", {"alpha": 1.4}),
    "mobilenet_v3_small_050": ("MobileNetV3Small", {"alpha": 0.5}),
    "mobilenet_v3_small": ("MobileNetV3Small", {}),
    "mobilenet_v3_small_minimal": ("MobileNetV3Small", {"minimalistic": True}),
    "mobilenet_v3_large": ("MobileNetV3Large", {}),
    "mobilenet_v3_large_075": ("MobileNetV3Large", {"alpha": 0.75}),
    "mobilenet_v3_large_minimal": ("MobileNetV3Large", {"minimalistic": True}),
}
NETWORKS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {**_QUICK, **_SLOW}
"""Our name → theirs, and the arguments."""


def quick_first(names: Iterable[str]) -> list[Any]:
    """Parameters of a test: the cheapest of every kind of network at once, all others marked slow."""
    return [name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names]


def application(theirs: str, size: tuple[int, int], **settings: Any) -> Any:
    """A model of random weights that takes what our network takes: in V3, without the layer that scales pixels."""
    if "V3" in theirs:
        settings["include_preprocessing"] = False
    settings = {"weights": None, "classifier_activation": None, **settings}
    model = getattr(keras.applications, theirs)(input_shape=(*size, 3), **settings)
    randomise(model)
    return model


def randomise(model: Any) -> None:
    """Statistics, gains and biases away from 0 and 1, so that no mix-up of them stays unseen; kernels that let images
    through: with Keras' own, what reaches the end of a deep network are its biases."""
    rng = np.random.default_rng(0)
    draw = {
        "moving_mean": lambda shape: rng.normal(0, 0.2, shape),
        "moving_variance": lambda shape: rng.uniform(0.5, 1.5, shape),
        "bias": lambda shape: rng.normal(0, 0.1, shape),
        "beta": lambda shape: rng.normal(0, 0.1, shape),
        "gamma": lambda shape: rng.normal(1, 0.1, shape),
    }
    for variable in model.variables:
        kind, shape = variable.path.split("/")[-1], tuple(variable.shape)
        if kind in draw:
            variable.assign(draw[kind](shape))
        elif kind.endswith("kernel"):
            inputs = np.prod(shape[:2] if len(shape) == 4 and shape[3] == 1 else shape[:-1])
            variable.assign(rng.normal(0, np.sqrt(1.7 / inputs), shape))


def answer(model: Any, images: Tensor, *, training: bool = False) -> Tensor:
    """images: B, 3, H, W."""
    found = torch.as_tensor(model(images.permute(0, 2, 3, 1).contiguous(), training=training)).cpu()
    return found if training else found.detach()


def save(model: Any, folder: Path) -> None:
    """Under all names of `FILES`."""
    model.save_weights(folder / "model.weights.h5")
    model.save(folder / "model.keras")
    with h5py.File(folder / "legacy.h5", "w") as file:  # as the public files: no model_weights group around it
        _legacy.save_weights_to_hdf5_group(file, model)


def without_names(source: Path, folder: Path) -> Path:
    """A copy of a `.weights.h5` file that tells only classes and numbers of layers."""
    path = Path(shutil.copy(source, folder / "unnamed.weights.h5"))
    with h5py.File(path, "a") as file:
        file.visititems(lambda name, item: item.attrs.pop("name", None) and None)
    return path


@contextmanager
def double_precision() -> Iterator[None]:
    """Keras in float64, which its normalisation does not use by itself: float64 and float32 are float32 to it.

    Models are made inside of it too.
    """
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras.src.backend.result_type", lambda *_: "float64")
        keras.config.set_floatx("float64")  # of inputs
        keras.config.set_dtype_policy("float64")  # of layers
        try:
            yield
        finally:
            keras.config.set_floatx(floatx)
            keras.config.set_dtype_policy(policy)


def prepared(name: str, pixels: Any) -> Any:
    """Pixels (B, H, W, C; 0..255) as that card says; B, H, W, C."""
    images = Normalise(card(name).input)(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    return images.permute(0, 2, 3, 1).numpy()
