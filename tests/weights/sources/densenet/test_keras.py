"""Random weights through every kind of file that Keras writes or wrote: outputs, gradients, statistics."""

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plusx.backbones.catalogue import card
from plusx.core.errors import WeightsError
from plusx.nn.preprocess import Normalise
from plusx.weights.create import card_for, create_backbone, create_model
from plusx.weights.reading import read_checkpoint
from plusx.weights.sources.densenet import KERAS, convolution_order, norm_order
from plusx.weights.sources.keras import exported, imported
from plusx.weights.sources.recognise import recognise

os.environ["KERAS_BACKEND"] = "torch"
keras = importlib.import_module("keras")
legacy = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")

pytestmark = pytest.mark.filterwarnings(  # raised inside Keras by numpy 2 for every tensor that becomes an array
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

Distance = Callable[[Tensor, Tensor], float]
QUICK = "densenet121"
ODD = torch.randn(1, 3, 225, 193, generator=torch.Generator().manual_seed(3))
FILES = ("model.weights.h5", "model.keras", "legacy.h5", "published.h5")
KERAS_NAMES = {"densenet121": "DenseNet121", "densenet169": "DenseNet169", "densenet201": "DenseNet201"}


@dataclass(frozen=True)
class Reference:
    """A model of keras.applications for images of any size, and the folder with its files."""

    name: str
    model: Any
    folder: Path

    def logits(self, images: Tensor, *, training: bool = False) -> Tensor:
        return torch.as_tensor(self.model(images.permute(0, 2, 3, 1), training=training)).cpu()


def randomise_keras(model: Any) -> None:
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


def as_published(source: Path, path: Path) -> None:
    """The legacy file with the names of 2018: conv1/conv, conv1/bn, fc1000."""
    older = {"conv1_conv": "conv1/conv", "conv1_bn": "conv1/bn", "predictions": "fc1000"}
    with h5py.File(source) as new, h5py.File(path, "w") as file:
        layers = [str(layer) for layer in new.attrs["layer_names"]]
        file.attrs["layer_names"] = [older.get(layer, layer).encode() for layer in layers]
        for layer in layers:
            name, weights = older.get(layer, layer), []
            group = file.create_group(name)
            for weight in map(str, new[layer].attrs["weight_names"]):
                weights.append(f"{name}/{weight.split('/')[-1]}")
                group[weights[-1]] = new[layer][weight][()]
            group.attrs["weight_names"] = [weight.encode() for weight in weights]


@pytest.fixture(
    scope="module",
    params=[name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in KERAS_NAMES],
)
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    folder = tmp_path_factory.mktemp("keras")
    model = getattr(keras.applications, KERAS_NAMES[request.param])(
        weights=None, classifier_activation=None, input_shape=(225, 193, 3)
    )
    randomise_keras(model)
    model.save_weights(folder / "model.weights.h5")
    model.save(folder / "model.keras")
    with h5py.File(folder / "legacy.h5", "w") as file:
        legacy.save_weights_to_hdf5_group(file, model)
    as_published(folder / "legacy.h5", folder / "published.h5")
    return Reference(request.param, model, folder)


@pytest.mark.parametrize("file", FILES)
def test_logits_agree_with_keras(reference: Reference, file: str, distance: Distance) -> None:
    model = create_model(reference.name, weights=str(reference.folder / file)).eval()
    with torch.inference_mode():
        assert distance(model(ODD), reference.logits(ODD)) <= 1e-5


@pytest.fixture
def float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keras in double precision, which its normalisation does not use by itself: float64 and float32 are float32."""
    monkeypatch.setattr("keras.src.backend.result_type", lambda *_: "float64")
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def small_twin(model: Any, name: str) -> Any:
    """The same network for images of 97×65 pixels."""
    twin = getattr(keras.applications, KERAS_NAMES[name])(
        weights=None, classifier_activation=None, input_shape=(97, 65, 3)
    )
    twin.set_weights(model.get_weights())
    return twin


def gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


@pytest.mark.usefixtures("float64")
def test_a_training_step_agrees_with_keras(reference: Reference, distance: Distance) -> None:
    """Of the statistics the means: Keras' variance is that of the batch, torch's the estimate, n / (n - 1) of it."""
    model = create_model(reference.name, weights=str(reference.folder / "legacy.h5")).double().train()
    twin = small_twin(reference.model, reference.name)
    images = torch.randn(2, 3, 97, 65, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    ours = model(images)
    ours.square().mean().backward()
    theirs = twin(images.permute(0, 2, 3, 1), training=True)
    theirs.square().mean().backward()
    assert distance(ours.detach(), theirs.detach().cpu()) <= 1e-5
    variables = {variable.path.split(f"{twin.name}/")[-1]: variable.value for variable in twin.variables}
    found, state = dict(model.named_parameters()), model.state_dict()
    for name, (theirs_first, *_) in KERAS.names(["backbone.conv1.conv.weight", "head.fc.weight"]).items():
        expected = imported(name, gradient(variables[theirs_first]))
        assert distance(gradient(found[name]), expected) <= 1e-5
    for name, names in KERAS.names(state).items():
        if name.endswith("running_mean"):
            assert distance(state[name], variables[names[0]].detach()) <= 1e-5


def test_layers_without_names_are_taken_in_order(reference: Reference, tmp_path: Path, distance: Distance) -> None:
    path = Path(shutil.copy(reference.folder / "model.weights.h5", tmp_path))
    with h5py.File(path, "a") as file:
        file.visititems(lambda name, item: item.attrs.pop("name", None) and None)
    tensors = read_checkpoint(path).tensors
    assert "conv2d/kernel" in tensors
    assert recognise(tensors) is KERAS
    model = create_model(reference.name, weights=path).eval()
    with torch.inference_mode():
        assert distance(model(ODD), reference.logits(ODD)) <= 1e-5


def test_order_of_layers_is_that_of_keras(reference: Reference) -> None:
    names = [layer.name for layer in reference.model.layers]
    kernels = [layer.kernel.shape[0] for layer in reference.model.layers if layer.name.endswith("conv")]
    found = convolution_order(kernels)
    assert found == [name for name in names if name.endswith("_conv")]
    assert norm_order(found) == [name for name in names if name.endswith("bn")]


def test_the_file_says_how_its_network_is_built_and_its_images_are_prepared(reference: Reference) -> None:
    path = str(reference.folder / "published.h5")
    found, expected = card_for(reference.name, path), card(f"{reference.name}.keras_in1k")
    assert found is not None
    assert (found.input, found.build, found.vocabulary) == (expected.input, expected.build, "imagenet-1k")
    norms = [part for part in create_model(reference.name, weights=path).modules() if isinstance(part, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1.001e-5, 0.01)}
    theirs = [layer for layer in reference.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(layer.epsilon, layer.momentum) for layer in theirs} == {(1.001e-5, 0.99)}


def test_images_are_prepared_as_keras_does() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    expected = keras.applications.densenet.preprocess_input(pixels.copy())
    found = Normalise(card("densenet121.keras_in1k").input)(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), expected, rtol=1e-5, atol=1e-5)


def test_a_model_inside_a_model_without_its_head(tmp_path: Path, images: Tensor, distance: Distance) -> None:
    base = keras.applications.DenseNet121(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
    randomise_keras(base)
    model = keras.Sequential([base, keras.layers.Dense(5)])
    expected = torch.as_tensor(model(images.permute(0, 2, 3, 1), training=False)).cpu()
    model.save(tmp_path / "flowers.keras")
    base.save_weights(tmp_path / "notop.weights.h5")
    whole = create_model("densenet121", weights=str(tmp_path / "flowers.keras"), classes=5).eval()
    backbone = create_backbone("densenet121", weights=str(tmp_path / "notop.weights.h5")).eval()
    with torch.inference_mode():
        assert distance(whole(images), expected) <= 1e-5
        assert distance(whole.head(backbone(images)["dense4"]), expected) <= 1e-5


def test_arrays_go_to_keras_and_back() -> None:
    for array in (torch.randn(2, 3, 5, 5), torch.randn(4, 3), torch.randn(4)):
        assert torch.equal(imported("", exported("", array)), array)


def test_what_keras_does_not_have(reference: Reference) -> None:
    with pytest.raises(WeightsError, match=r"legacy\.h5 was written by Keras, which has no densenet161\."):
        create_model("densenet161", weights=str(reference.folder / "legacy.h5"))
