"""Random weights through every kind of file that Keras writes or wrote: the same logits to 1e-5, relative."""

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
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
from plusx.weights.sources.recognise import recognise
from plusx.weights.sources.xception.keras import HALVING, KERAS_1, LAYOUT, convolutions

os.environ["KERAS_BACKEND"] = "torch"
keras = importlib.import_module("keras")
legacy = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")

pytestmark = pytest.mark.filterwarnings(  # raised inside Keras by numpy 2 for every tensor that becomes an array
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

Distance = Callable[[Tensor, Tensor], float]
FILES = ("model.weights.h5", "model.keras", "legacy.h5", "keras1.h5")


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


def made(height: int = 96, width: int = 96, **settings: Any) -> Any:
    settings = {"weights": None, "classifier_activation": None, **settings}
    return keras.applications.Xception(input_shape=(height, width, 3), **settings)


def answer(model: Any, images: Tensor, *, training: bool = False) -> Tensor:
    return torch.as_tensor(model(images.permute(0, 2, 3, 1), training=training)).cpu()


def written_by_keras_1(source: Path, path: Path) -> None:
    """The layers of `source` as the published file has them: names with the layer's in front, shortcuts from 1 on."""
    kinds = {"conv2d": "convolution2d", "batch_normalization": "batchnormalization"}
    old = {today: before for before, today in KERAS_1.items()}
    with h5py.File(source) as new, h5py.File(path, "w") as file:
        layers = [str(layer) for layer in new.attrs["layer_names"]]
        names = {layer: layer for layer in layers}
        for kind, before in kinds.items():
            unnamed = sorted((layer for layer in layers if layer.startswith(kind)), key=lambda x: (len(x), x))
            names |= {layer: f"{before}_{number}" for number, layer in enumerate(unnamed, 1)}
        file.attrs["layer_names"] = [names[layer].encode() for layer in layers]
        for layer in layers:
            group, weights = file.create_group(names[layer]), []
            for weight in new[layer].attrs["weight_names"]:
                variable = str(weight).split("/")[-1].split(":")[0]
                weights.append(f"{names[layer]}_{old.get(variable, variable)}:0")
                group[weights[-1]] = new[layer][weight][()]
            group.attrs["weight_names"] = [weight.encode() for weight in weights]


@pytest.fixture(scope="module")
def model() -> Any:
    model = made()
    randomise(model)
    return model


@pytest.fixture(scope="module")
def folder(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xception")
    model.save_weights(folder / "model.weights.h5")
    model.save(folder / "model.keras")
    with h5py.File(folder / "legacy.h5", "w") as file:  # as the public files: no model_weights group around it
        legacy.save_weights_to_hdf5_group(file, model)
    written_by_keras_1(folder / "legacy.h5", folder / "keras1.h5")
    return folder


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("file", FILES)
def test_logits_agree(model: Any, folder: Path, file: str, pictures: Tensor, distance: Distance) -> None:
    ours = create_model("xception", weights=str(folder / file)).eval()
    with torch.inference_mode():
        assert distance(ours(pictures), answer(model, pictures)) <= 1e-5


def test_odd_sizes_agree(model: Any, folder: Path, distance: Distance) -> None:
    odd = made(225, 193)
    odd.set_weights(model.get_weights())
    picture = torch.randn(1, 3, 225, 193, generator=torch.Generator().manual_seed(3))
    ours = create_model("xception", weights=str(folder / "model.keras")).eval()
    with torch.inference_mode():
        assert distance(ours(picture), answer(odd, picture)) <= 1e-5


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


@pytest.mark.usefixtures("float64")
def test_training_agrees(model: Any, folder: Path, pictures: Tensor, distance: Distance) -> None:
    """In float64: statistics of a few points enlarge the noise of float32 beyond 1e-5."""
    reference, images = made(), pictures.double()
    reference.set_weights(model.get_weights())
    ours = create_model("xception", weights=str(folder / "model.keras")).double().train()
    found, expected = ours(images), answer(reference, images, training=True)
    assert distance(found.detach(), expected.detach()) <= 1e-5
    seen = torch.randn(found.shape, dtype=torch.float64)
    (found * seen).sum().backward()
    (expected * seen).sum().backward()
    gradients = {name: p.grad for name, p in ours.named_parameters() if p.grad is not None}
    for name, layer in (("backbone.entry1.layer1.conv.weight", "block1_conv1"), ("head.fc.weight", "predictions")):
        theirs = reference.get_layer(layer).kernel.value.grad
        assert distance(gradients[name], LAYOUT.imported(name, theirs)) <= 1e-5
    norm = reference.get_layer("block12_sepconv3_bn")
    mean = ours.get_buffer("backbone.middle.block8.F.layer3.norm.running_mean")
    assert distance(mean, torch.as_tensor(norm.moving_mean.value).detach()) <= 1e-5


def test_layers_without_names_are_taken_in_order(
    model: Any, folder: Path, tmp_path: Path, pictures: Tensor, distance: Distance
) -> None:
    path = shutil.copy(folder / "model.weights.h5", tmp_path)
    with h5py.File(path, "a") as file:
        file.visititems(lambda name, item: item.attrs.pop("name", None) and None)
    ours = create_model("xception", weights=path).eval()
    with torch.inference_mode():
        assert distance(ours(pictures), answer(model, pictures)) <= 1e-5


def test_shortcuts_are_numbered_from_anywhere(folder: Path) -> None:
    tensors = read_keras(folder / "legacy.h5")
    usual = LAYOUT.ordered(tensors)
    moved: dict[str, Tensor] = {}
    for name, tensor in reversed(tensors.items()):  # conv2d, conv2d_1, ... become conv2d_9, conv2d_10, ...
        layer, _, variable = name.rpartition("/")
        kind, _, number = layer.partition("2d")
        moved[f"conv2d_{int(number[1:] or 0) + 9}/{variable}" if kind == "conv" else name] = tensor
    again = LAYOUT.ordered(moved)
    assert all(torch.equal(again[f"block{n}_shortcut/kernel"], usual[f"block{n}_shortcut/kernel"]) for n in HALVING)


def test_order_of_layers_is_that_of_keras(model: Any) -> None:
    names = [layer.name for layer in model.layers if hasattr(layer, "kernel_size")]
    shortcuts = [f"block{block}_shortcut" for block in HALVING]
    unnamed = [name for name in names if name.startswith("conv2d")]
    renamed = dict(zip(unnamed, shortcuts, strict=True))
    assert [renamed.get(name, name) for name in names] == convolutions()


def test_every_tensor_has_its_name_there(folder: Path) -> None:
    tensors = LAYOUT.ordered(read_keras(folder / "legacy.h5"))
    names = LAYOUT.names(create_model("xception").state_dict())
    assert sorted(theirs[0] for theirs in names.values() if theirs) == sorted(tensors)
    assert all(name.endswith("num_batches_tracked") for name, theirs in names.items() if not theirs)


def test_arrays_go_back_as_they_came(folder: Path) -> None:
    tensors = LAYOUT.ordered(read_keras(folder / "legacy.h5"))
    for ours, theirs in LAYOUT.names(create_model("xception").state_dict()).items():
        if theirs:
            array = tensors[theirs[0]]
            assert torch.equal(LAYOUT.exported(ours, LAYOUT.imported(ours, array)), array)


def test_a_model_inside_a_model_without_its_head(tmp_path: Path, pictures: Tensor, distance: Distance) -> None:
    base = made(include_top=False, pooling="avg")
    randomise(base)
    model = keras.Sequential([base, keras.layers.Dense(5)])
    expected = answer(model, pictures)
    model.save(tmp_path / "flowers.keras")
    base.save_weights(tmp_path / "notop.weights.h5")
    whole = create_model("xception", weights=str(tmp_path / "flowers.keras"), classes=5).eval()
    backbone = create_backbone("xception", weights=str(tmp_path / "notop.weights.h5")).eval()
    with torch.inference_mode():
        assert distance(whole(pictures), expected) <= 1e-5
        assert distance(whole.head(backbone(pictures)["exit"]), expected) <= 1e-5


def test_the_file_says_how_its_images_are_prepared(folder: Path) -> None:
    found, published = card_for("xception", str(folder / "legacy.h5")), card("xception.keras_in1k")
    assert found is not None
    assert (found.input, found.build, found.vocabulary) == (published.input, published.build, "imagenet-1k")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    expected = keras.applications.xception.preprocess_input(pixels.copy())
    prepared = Normalise(published.input)(torch.from_numpy(pixels).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(prepared, expected, rtol=1e-5, atol=1e-4)


def test_the_card_is_built_as_keras_builds(model: Any) -> None:
    norm = model.get_layer("block1_conv1_bn")
    build = card("xception.keras_in1k").build
    assert build["eps"] == norm.epsilon
    assert build["momentum"] == pytest.approx(1 - norm.momentum)
    assert (build["stem_padding"], model.get_layer("block1_conv1").padding) == ("valid", "valid")
    assert (build["padding"], model.get_layer("block2_pool").padding) == ("same", "same")


def test_files_of_other_networks_are_not_claimed(tmp_path: Path) -> None:
    other = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.SeparableConv2D(4, 3)])
    other.save_weights(tmp_path / "other.weights.h5")
    tensors = read_keras(tmp_path / "other.weights.h5")
    assert "separable_conv2d/pointwise_kernel" in tensors
    assert not LAYOUT.recognise(tensors)
    assert recognise(tensors) is None
