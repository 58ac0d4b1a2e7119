"""Random weights through every kind of file that Keras writes: the same logits to 1e-5, relative."""

import importlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from plusx.backbones.catalogue import card
from plusx.core.errors import WeightsError
from plusx.nn.preprocess import Normalise
from plusx.weights.create import card_for, create_backbone, create_model
from plusx.weights.sources.resnet.keras import convolution_order, norm_order

os.environ["KERAS_BACKEND"] = "torch"
keras = importlib.import_module("keras")
legacy = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")

pytestmark = pytest.mark.filterwarnings(  # raised inside Keras by numpy 2 for every tensor that becomes an array
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

Distance = Callable[[Tensor, Tensor], float]
FILES = ("model.weights.h5", "model.keras", "legacy.h5")


@dataclass(frozen=True)
class Reference:
    """A model of keras.applications, its files, and its logits of `images`."""

    name: str
    model: Any
    folder: Path
    logits: Tensor


def randomise(model: Any) -> None:
    rng = np.random.default_rng(0)
    draw = {
        "moving_mean": lambda shape: rng.normal(0, 0.2, shape),
        "moving_variance": lambda shape: rng.uniform(0.5, 1.5, shape),
        "bias": lambda shape: rng.normal(0, 0.1, shape),
        "beta": lambda shape: rng.normal(0, 0.1, shape),
        "gamma": lambda shape: rng.normal(1, 0.1, shape),
    }
    for variable in model.variables:
        kind = variable.path.split("/")[-1]
        if kind in draw:
            variable.assign(draw[kind](variable.shape))


def make(name: str, theirs: str, folder: Path, images: Tensor) -> Reference:
    model = getattr(keras.applications, theirs)(weights=None, classifier_activation=None, input_shape=(64, 64, 3))
    randomise(model)
    model.save_weights(folder / "model.weights.h5")
    model.save(folder / "model.keras")
    with h5py.File(folder / "legacy.h5", "w") as file:  # as the public files: no model_weights group around it
        legacy.save_weights_to_hdf5_group(file, model)
    logits = model(images.permute(0, 2, 3, 1).numpy(), training=False)
    return Reference(name, model, folder, torch.from_numpy(keras.ops.convert_to_numpy(logits)))


QUICK = [("resnet50", "ResNet50"), ("resnet50_v2", "ResNet50V2")]
SLOW = [
    *(("resnet101", "ResNet101"), ("resnet101_v2", "ResNet101V2")),
    *(("resnet152", "ResNet152"), ("resnet152_v2", "ResNet152V2")),
]


@pytest.fixture(
    scope="module",
    params=[*QUICK, *(pytest.param(pair, marks=pytest.mark.slow) for pair in SLOW)],
    ids=lambda pair: pair[0],
)
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, images: Tensor) -> Reference:
    name, theirs = request.param
    return make(name, theirs, tmp_path_factory.mktemp(name), images)


@pytest.mark.parametrize("file", FILES)
def test_logits_agree(reference: Reference, file: str, images: Tensor, distance: Distance) -> None:
    model = create_model(reference.name, weights=str(reference.folder / file)).eval()
    with torch.inference_mode():
        assert distance(model(images), reference.logits) <= 1e-5


def test_layers_without_names_are_taken_in_order(
    reference: Reference, tmp_path: Path, images: Tensor, distance: Distance
) -> None:
    path = shutil.copy(reference.folder / "model.weights.h5", tmp_path)
    with h5py.File(path, "a") as file:
        file.visititems(lambda name, item: item.attrs.pop("name", None) and None)
    model = create_model(reference.name, weights=path).eval()
    with torch.inference_mode():
        assert distance(model(images), reference.logits) <= 1e-5


def test_order_of_layers_is_that_of_keras(reference: Reference) -> None:
    names = [layer.name for layer in reference.model.layers]
    kernels = [layer.kernel.shape[0] for layer in reference.model.layers if layer.name.endswith("conv")]
    found = convolution_order(kernels)
    assert found == [name for name in names if name.endswith("_conv")]
    preact = reference.name.endswith("_v2")
    assert norm_order(found, preact=preact) == [name for name in names if name.endswith("_bn")]


def test_the_file_says_how_its_images_are_prepared(reference: Reference) -> None:
    found = card_for(reference.name, str(reference.folder / "legacy.h5"))
    published = card(f"{reference.name}.keras_in1k")
    assert found is not None
    assert (found.input, found.build, found.vocabulary) == (published.input, published.build, "imagenet-1k")
    assert found.source.filename == "legacy.h5"
    assert not found.metrics


def test_a_model_inside_a_model_without_its_head(tmp_path: Path, images: Tensor, distance: Distance) -> None:
    base = keras.applications.ResNet50(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
    randomise(base)
    model = keras.Sequential([base, keras.layers.Dense(5)])
    expected = torch.from_numpy(keras.ops.convert_to_numpy(model(images.permute(0, 2, 3, 1).numpy(), training=False)))
    model.save(tmp_path / "flowers.keras")
    base.save_weights(tmp_path / "notop.weights.h5")
    whole = create_model("resnet50", weights=str(tmp_path / "flowers.keras"), classes=5).eval()
    backbone = create_backbone("resnet50", weights=str(tmp_path / "notop.weights.h5")).eval()
    with torch.inference_mode():
        assert distance(whole(images), expected) <= 1e-5
        assert distance(whole.head(backbone(images)["conv5"]), expected) <= 1e-5


@pytest.mark.parametrize(("name", "module"), [("resnet50", "resnet"), ("resnet50_v2", "resnet_v2")])
def test_images_are_prepared_as_keras_does(name: str, module: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    expected = getattr(keras.applications, module).preprocess_input(pixels.copy())
    normalise = Normalise(card(f"{name}.keras_in1k").input)
    found = normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_what_keras_does_not_have(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.attrs["layer_names"] = ["conv1_conv"]
        file.create_group("conv1_conv").attrs["weight_names"] = ["conv1_conv/kernel:0"]
        file["conv1_conv/conv1_conv/kernel:0"] = np.zeros((7, 7, 3, 64), np.float32)
    with pytest.raises(WeightsError, match=r"weights\.h5 was written by Keras, which has no resnet18\."):
        create_model("resnet18", weights=str(tmp_path / "weights.h5"))
