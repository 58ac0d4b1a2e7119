"""The file of Xception that Keras 1 wrote, and the order in which Keras lists layers that have no names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch
from torch import Tensor

from keras_models import QUIET, answer, application, keras, save
from plusx.backbones.catalogue import card
from plusx.weights.create import create_model
from plusx.weights.hdf5 import read_keras
from plusx.weights.sources.recognise import recognise
from plusx.weights.sources.xception.keras import HALVING, KERAS_1, LAYOUT, convolutions

pytestmark = QUIET
Distance = Callable[[Tensor, Tensor], float]


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
    return application("Xception", (96, 96))


@pytest.fixture(scope="module")
def folder(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xception")
    save(model, folder)
    written_by_keras_1(folder / "legacy.h5", folder / "keras1.h5")
    return folder


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(2))


def test_published_files_have_older_names(model: Any, folder: Path, pictures: Tensor, distance: Distance) -> None:
    ours = create_model("xception", weights=str(folder / "keras1.h5")).eval()
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
