"""Files of MobileNets whose layers have other names than Keras gives them today, and whose files they are."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from keras_models import NETWORKS, QUIET, answer, application, keras, prepared, quick_first, save
from plusx.weights.create import create_model
from plusx.weights.hdf5 import read_keras
from plusx.weights.sources.mobilenet.keras import V1, V2, V3

pytestmark = QUIET
Distance = Callable[[Tensor, Tensor], float]


@pytest.mark.parametrize("name", quick_first(name for name in NETWORKS if name.startswith("mobilenet")))
def test_layers_with_other_names_are_taken_in_order(
    name: str, tmp_path: Path, images: Tensor, distance: Distance
) -> None:
    """As in published files, which are older than Keras' names: `Conv/BatchNorm`, `bn4_conv_4_bn_expand`."""
    theirs, settings = NETWORKS[name]
    reference, path = application(theirs, (64, 64), **settings), tmp_path / "legacy.h5"
    save(reference, tmp_path)
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
    model = create_model(name, weights=path).eval()
    with torch.inference_mode():
        assert distance(model(images), answer(reference, images)) <= 1e-5


def test_images_are_prepared_as_the_first_layer_of_v3_does() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    model = keras.applications.MobileNetV3Small(weights=None, input_shape=(32, 32, 3))
    rescaling = next(layer for layer in model.layers if isinstance(layer, keras.layers.Rescaling))
    expected = keras.ops.convert_to_numpy(rescaling(pixels))
    np.testing.assert_allclose(prepared("mobilenet_v3_small.keras_in1k", pixels), expected, rtol=1e-5, atol=1e-5)


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
