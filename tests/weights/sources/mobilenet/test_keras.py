"""Random weights through every kind of file that Keras writes: the same logits and the same training step."""

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
from plusx.nn.preprocess import Normalise
from plusx.weights.create import card_for, create_backbone, create_model
from plusx.weights.hdf5 import read_keras
from plusx.weights.sources.mobilenet.keras import V1, V2, V3

os.environ["KERAS_BACKEND"] = "torch"
keras = importlib.import_module("keras")
legacy = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")

pytestmark = pytest.mark.filterwarnings(  # raised inside Keras by numpy 2 for every tensor that becomes an array
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

Distance = Callable[[Tensor, Tensor], float]
FILES = ("model.weights.h5", "model.keras", "legacy.h5")

QUICK = {
    "mobilenet_v1_025": ("MobileNet", {"alpha": 0.25}),
    "mobilenet_v2_035": ("MobileNetV2", {"alpha": 0.35}),
    "mobilenet_v3_small_075": ("MobileNetV3Small", {"alpha": 0.75}),
}
SLOW = {
    "mobilenet_v1_050": ("MobileNet", {"alpha": 0.5}),
    "mobilenet_v1_075": ("MobileNet", {"alpha": 0.75}),
    "mobilenet_v1": ("MobileNet", {}),
    "mobilenet_v2_050": ("MobileNetV2", {"alpha": 0.5}),
    "mobilenet_v2_075": ("MobileNetV2", {"alpha": 0.75}),
    "mobilenet_v2": ("MobileNetV2", {}),
    "mobilenet_v2_130": ("MobileNetV2", {"alpha": 1.3}),
    "mobilenet_v2_140": ("MobileNetV2", {"alpha": 1.4}),
    "mobilenet_v3_small": ("MobileNetV3Small", {}),
    "mobilenet_v3_small_minimal": ("MobileNetV3Small", {"minimalistic": True}),
    "mobilenet_v3_large": ("MobileNetV3Large", {}),
    "mobilenet_v3_large_075": ("MobileNetV3Large", {"alpha": 0.75}),
    "mobilenet_v3_large_minimal": ("MobileNetV3Large", {"minimalistic": True}),
}
CASES = [*QUICK.items(), *(pytest.param(item, marks=pytest.mark.slow) for item in SLOW.items())]


@dataclass(frozen=True)
class Reference:
    """A model of keras.applications, its files, and its logits of `images`."""

    name: str
    model: Any
    folder: Path
    images: Tensor
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


def application(theirs: str, size: tuple[int, int], **settings: Any) -> Any:
    """A model that takes what our network takes: in V3, without the layer that scales pixels."""
    if "V3" in theirs:
        settings["include_preprocessing"] = False
    model = getattr(keras.applications, theirs)(
        weights=None, classifier_activation=None, input_shape=(*size, 3), **settings
    )
    randomise(model)
    return model


def run(model: Any, images: Tensor) -> Tensor:
    return torch.from_numpy(
        keras.ops.convert_to_numpy(model(images.permute(0, 2, 3, 1).contiguous().numpy(), training=False))
    )


@pytest.fixture(scope="module", params=CASES, ids=lambda item: item[0])
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """For images of 225×193 pixels: odd sides are where ways of padding differ."""
    name, (theirs, settings) = request.param
    folder = tmp_path_factory.mktemp(name)
    model = application(theirs, (225, 193), **settings)
    model.save_weights(folder / "model.weights.h5")
    model.save(folder / "model.keras")
    with h5py.File(folder / "legacy.h5", "w") as file:  # as the public files: no model_weights group around it
        legacy.save_weights_to_hdf5_group(file, model)
    images = torch.randn(2, 3, 225, 193, generator=torch.Generator().manual_seed(2))
    return Reference(name, model, folder, images, run(model, images))


@pytest.mark.parametrize("file", FILES)
def test_logits_agree(reference: Reference, file: str, distance: Distance) -> None:
    model = create_model(reference.name, weights=str(reference.folder / file)).eval()
    with torch.inference_mode():
        assert distance(model(reference.images), reference.logits) <= 1e-5


def test_even_sides_agree(reference: Reference, images: Tensor, distance: Distance) -> None:
    theirs, settings = {**QUICK, **SLOW}[reference.name]
    even = application(theirs, (64, 64), **settings)
    even.set_weights(reference.model.get_weights())
    model = create_model(reference.name, weights=str(reference.folder / "legacy.h5")).eval()
    with torch.inference_mode():
        assert distance(model(images), run(even, images)) <= 1e-5


def test_layers_without_names_are_taken_in_order(reference: Reference, tmp_path: Path, distance: Distance) -> None:
    path = shutil.copy(reference.folder / "model.weights.h5", tmp_path)
    with h5py.File(path, "a") as file:
        file.visititems(lambda name, item: item.attrs.pop("name", None) and None)
    model = create_model(reference.name, weights=path).eval()
    with torch.inference_mode():
        assert distance(model(reference.images), reference.logits) <= 1e-5


def test_layers_with_other_names_are_taken_in_order(reference: Reference, tmp_path: Path, distance: Distance) -> None:
    """As in published files, which are older than Keras' names: `Conv/BatchNorm`, `bn4_conv_4_bn_expand`."""
    path = str(shutil.copy(reference.folder / "legacy.h5", tmp_path))
    with h5py.File(path, "a") as file:
        layers = [layer.decode() if isinstance(layer, bytes) else layer for layer in file.attrs["layer_names"]]
        renamed = [f"old/{index}/BatchNorm" for index, _ in enumerate(layers)]
        for layer, new in zip(layers, renamed, strict=True):
            if layer not in file:
                file.create_group(layer)
            weights = [str(weight) for weight in file[layer].attrs["weight_names"]]
            for weight in weights:
                file[f"{new}/{new}/{weight.split('/')[-1]}"] = file[layer][weight][()]
            file.require_group(new).attrs["weight_names"] = [f"{new}/{w.split('/')[-1]}" for w in weights]
        file.attrs["layer_names"] = renamed
    model = create_model(reference.name, weights=path).eval()
    with torch.inference_mode():
        assert distance(model(reference.images), reference.logits) <= 1e-5


def test_a_training_step_agrees(reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits, gradients and statistics; in double precision, as rounding tips maps over the edges of ReLU6.

    Keras' normalisation goes down to single precision by itself, which is taken from it here.
    """
    monkeypatch.setattr(keras.src.backend, "result_type", lambda *dtypes: "float64")
    model = create_model(reference.name, weights=str(reference.folder / "legacy.h5")).double().train()
    theirs = in_double(reference)
    images = torch.randn(4, 3, 65, 97, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    expected, found = theirs(images.permute(0, 2, 3, 1).contiguous(), training=True), model(images)
    found.square().mean().backward()
    expected.square().mean().backward()
    layers = [layer for layer in theirs.layers if hasattr(layer, "kernel")]
    first, last = (layers[index].kernel.value.grad for index in (0, -1))
    norm = next(layer for layer in theirs.layers if hasattr(layer, "moving_mean"))
    mine, state = dict(model.named_parameters()), model.state_dict()
    gaps = {
        "logits": gap(found, expected),
        "first gradient": gap(mine["backbone.conv1.stem.conv.weight"].grad, first.permute(3, 2, 0, 1)),
        "last gradient": gap(mine["head.fc.weight"].grad, last.flatten(0, -2).mT),
        "running mean": gap(state["backbone.conv1.stem.norm.running_mean"], norm.moving_mean.value),
    }
    assert max(gaps.values()) <= 1e-5, gaps


def in_double(reference: Reference) -> Any:
    """The same model for images of 65×97 pixels, without dropout."""
    theirs, settings = {**QUICK, **SLOW}[reference.name]
    try:
        precision("float64")
        model = application(theirs, (65, 97), **settings)
    finally:
        precision("float32")
    model.set_weights(reference.model.get_weights())
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model


def precision(dtype: str) -> None:
    keras.config.set_floatx(dtype)  # of inputs
    keras.config.set_dtype_policy(dtype)  # of layers


def gap(found: Tensor | None, expected: Tensor) -> float:
    assert found is not None
    return float((found.detach() - expected.detach()).abs().max() / expected.detach().abs().max())


def test_the_file_says_how_its_images_are_prepared(reference: Reference) -> None:
    found = card_for(reference.name, str(reference.folder / "legacy.h5"))
    published = card(f"{reference.name}.keras_in1k")
    assert found is not None
    assert (found.input, found.build, found.vocabulary) == (published.input, published.build, "imagenet-1k")


def test_a_model_inside_a_model_without_its_head(tmp_path: Path, images: Tensor, distance: Distance) -> None:
    base = keras.applications.MobileNetV2(
        weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3), alpha=0.35
    )
    randomise(base)
    model = keras.Sequential([base, keras.layers.Dense(5)])
    expected = run(model, images)
    model.save(tmp_path / "flowers.keras")
    base.save_weights(tmp_path / "notop.weights.h5")
    whole = create_model("mobilenet_v2_035", weights=str(tmp_path / "flowers.keras"), classes=5).eval()
    backbone = create_backbone("mobilenet_v2_035", weights=str(tmp_path / "notop.weights.h5")).eval()
    with torch.inference_mode():
        assert distance(whole(images), expected) <= 1e-5
        assert distance(whole.head(backbone(images)["conv5"]), expected) <= 1e-5


@pytest.mark.parametrize(("name", "module"), [("mobilenet_v1", "mobilenet"), ("mobilenet_v2", "mobilenet_v2")])
def test_images_are_prepared_as_keras_does(name: str, module: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    expected = getattr(keras.applications, module).preprocess_input(pixels.copy())
    np.testing.assert_allclose(normalised(name, pixels), expected, rtol=1e-5, atol=1e-5)


def test_images_are_prepared_as_the_first_layer_of_v3_does() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    model = keras.applications.MobileNetV3Small(weights=None, input_shape=(32, 32, 3))
    rescaling = next(layer for layer in model.layers if isinstance(layer, keras.layers.Rescaling))
    expected = keras.ops.convert_to_numpy(rescaling(pixels))
    np.testing.assert_allclose(normalised("mobilenet_v3_small", pixels), expected, rtol=1e-5, atol=1e-5)


def normalised(name: str, pixels: Any) -> Any:
    images = Normalise(card(f"{name}.keras_in1k").input)(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    return images.permute(0, 2, 3, 1).numpy()


def test_layouts_keep_to_their_own_files(tmp_path: Path) -> None:
    for theirs, settings, own in (
        ("MobileNet", {"alpha": 0.25}, V1),
        ("MobileNetV2", {"alpha": 0.35}, V2),
        ("MobileNetV3Small", {"alpha": 0.35}, V3),
        ("MobileNetV3Large", {"alpha": 0.35}, V3),
        ("EfficientNetV2B0", {}, None),
    ):
        model = getattr(keras.applications, theirs)(weights=None, input_shape=(224, 224, 3), **settings)
        model.save_weights(path := tmp_path / f"{theirs}.weights.h5")
        file = read_keras(path)
        assert [layout for layout in (V1, V2, V3) if layout.recognise(file)] == ([own] if own else [])
