"""Files whose tensors have the names of two networks that are built differently, and files of other networks."""

import logging
from pathlib import Path

import h5py
import numpy as np
import pytest
import timm
import torch
from torch import Tensor

from keras_models import QUIET, application
from plusx.core.errors import InputError, WeightsError
from plusx.weights.create import create_model
from plusx.weights.resolve import resolve


def written(name: str, directory: Path) -> Path:
    """A file of that timm model with random weights."""
    path = directory / "file.pth"
    state: dict[str, Tensor] = timm.create_model(name).state_dict()
    torch.save(state, path)
    return path


def test_a_file_of_the_same_library_but_another_build_is_refused_under_a_card(tmp_path: Path) -> None:
    path = written("legacy_seresnet50", tmp_path)
    with pytest.raises(InputError, match="other strides, paddings or epsilons"):
        create_model("se_resnet50.a1_in1k", weights=path)


def test_a_network_that_only_tensorflow_published_is_built_as_there(tmp_path: Path) -> None:
    path = written("tf_mobilenetv3_small_minimal_100", tmp_path)
    assert resolve("mobilenet_v3_small_minimal", path).settings["padding"] == "same"


def test_names_that_fit_two_builds_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written("tf_mobilenetv3_small_100", tmp_path)
    with caplog.at_level(logging.WARNING, "plusx"):
        create_model("mobilenet_v3_small", weights=path)
    assert "tf_mobilenetv3_small_100" in caplog.text
    assert len(caplog.records) == 1


def test_pixels_are_prepared_as_the_library_prepares_them_for_that_network(tmp_path: Path) -> None:
    path = written("xception41", tmp_path)
    card = resolve("xception41", path).card
    assert card is not None
    assert card.input.mean == (0.5, 0.5, 0.5)


def keras_file(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """A legacy file of variables (`layer/variable`) that are all zero."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.split("/")[0] for name in shapes]
        for name, shape in shapes.items():
            layer = file.create_group(name.split("/")[0])
            layer.attrs["weight_names"] = [name]
            layer[name] = np.zeros(shape, np.float32)
    return path


def test_what_keras_does_not_have(tmp_path: Path) -> None:
    resnet = keras_file(tmp_path / "weights.h5", {"conv1_conv/kernel": (7, 7, 3, 64)})
    with pytest.raises(WeightsError, match=r"weights\.h5 was written by Keras, which has no resnet18\."):
        create_model("resnet18", weights=str(resnet))
    densenet = keras_file(tmp_path / "legacy.h5", {"conv2_block1_0_bn/gamma": (64,)})
    with pytest.raises(WeightsError, match=r"legacy\.h5 was written by Keras, which has no densenet161\."):
        create_model("densenet161", weights=str(densenet))


def test_a_file_of_another_family_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"a network of preact or resnet, named as keras does; resnet50_d is one of resnet_d\. .*"
        r"e\.g\. resnet101_v1, resnet101_v2, resnet152_v1$",
    ):
        create_model("resnet50_d", weights=keras_file(tmp_path / "weights.h5", {"conv1_conv/kernel": (7, 7, 3, 64)}))


@QUIET
@pytest.mark.parametrize(
    ("minimalistic", "ours"), [(True, "mobilenet_v3_small"), (False, "mobilenet_v3_small_minimal")]
)
def test_minimalistic_networks_are_others(minimalistic: bool, ours: str, tmp_path: Path) -> None:
    model = application("MobileNetV3Small", (64, 64), minimalistic=minimalistic)
    model.save_weights(path := tmp_path / "model.weights.h5")
    given, wanted = ("3, 3", "5, 5") if minimalistic else ("5, 5", "3, 3")
    with pytest.raises(
        WeightsError,
        match=rf"(?s)does not fit .*; nothing was loaded\..*\(36\): expanded_conv_squeeze_excite_conv/kernel.*"
        rf"expanded_conv_3_depthwise/kernel \(\(96, 1, {wanted}\) expected, \(96, 1, {given}\) found\)",
    ):
        create_model(ours, weights=path)


OWN = {
    "as first networks are": {"conv2d/kernel": (3, 3, 3, 8), "conv2d_1/kernel": (3, 3, 8, 8), "dense/kernel": (8, 3)},
    "a stem alone": {"conv2d/kernel": (7, 7, 3, 8), "dense/kernel": (8, 3)},
    "bottlenecks that end early": {
        f"conv2d_{n}/kernel": (side, side, 8, 8) for n, side in enumerate((7, 1, 3, 1, 1, 3))
    },
    "a dense layer": {
        "conv2d/kernel": (7, 7, 3, 8),
        "conv2d_1/kernel": (1, 1, 8, 16),
        "conv2d_2/kernel": (3, 3, 16, 4),
        "batch_normalization/gamma": (8,),
    },
    "as many depthwise layers": {
        "conv2d/kernel": (3, 3, 3, 8),
        **{f"depthwise_conv2d_{n}/kernel": (3, 3, 8, 1) for n in range(11)},
    },
    "no convolution": {"dense/kernel": (8, 3), "dense_1/kernel": (3, 3)},
}


@pytest.mark.parametrize("shapes", OWN.values(), ids=OWN)
@pytest.mark.parametrize("name", ["resnet50", "densenet121", "mobilenet_v3_small", "xception"])
def test_networks_of_ones_own_are_refused(name: str, shapes: dict[str, tuple[int, ...]], tmp_path: Path) -> None:
    with pytest.raises(
        (WeightsError, InputError),
        match=r"that plusx does not know|does not fit|holds a network of",
    ):
        create_model(name, weights=keras_file(tmp_path / "own.h5", shapes))
