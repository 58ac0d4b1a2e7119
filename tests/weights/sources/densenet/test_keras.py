"""The files of DenseNet that Keras wrote in 2018, and the order in which it lists layers."""

from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
import torch
from torch import Tensor

from keras_models import NETWORKS, QUIET, answer, application, quick_first, save, without_names
from plusx.weights.create import create_model
from plusx.weights.reading import read_checkpoint
from plusx.weights.sources.densenet import KERAS, convolution_order, norm_order
from plusx.weights.sources.keras import exported, imported
from plusx.weights.sources.recognise import recognise

pytestmark = QUIET
Distance = Callable[[Tensor, Tensor], float]
NAMES = quick_first(name for name in NETWORKS if name.startswith("densenet"))


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


@pytest.mark.parametrize("name", NAMES)
def test_published_files_have_older_names(name: str, tmp_path: Path, images: Tensor, distance: Distance) -> None:
    reference = application(NETWORKS[name][0], (64, 64))
    save(reference, tmp_path)
    as_published(tmp_path / "legacy.h5", tmp_path / "published.h5")
    model = create_model(name, weights=str(tmp_path / "published.h5")).eval()
    with torch.inference_mode():
        assert distance(model(images), answer(reference, images)) <= 1e-5
    tensors = read_checkpoint(without_names(tmp_path / "model.weights.h5", tmp_path)).tensors
    assert "conv2d/kernel" in tensors
    assert recognise(tensors) is KERAS


@pytest.mark.parametrize("name", NAMES)
def test_order_of_layers_is_that_of_keras(name: str) -> None:
    layers = application(NETWORKS[name][0], (64, 64)).layers
    kernels = [layer.kernel.shape[0] for layer in layers if layer.name.endswith("conv")]
    found = convolution_order(kernels)
    assert found == [layer.name for layer in layers if layer.name.endswith("_conv")]
    assert norm_order(found) == [layer.name for layer in layers if layer.name.endswith("bn")]


def test_arrays_go_to_keras_and_back() -> None:
    for array in (torch.randn(2, 3, 5, 5), torch.randn(4, 3), torch.randn(4)):
        assert torch.equal(imported("", exported("", array)), array)
