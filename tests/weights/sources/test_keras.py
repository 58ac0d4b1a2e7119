"""Random weights through every kind of file that Keras writes: the same logits to 1e-5, relative, the same training."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from keras_models import (
    FILES,
    NETWORKS,
    QUIET,
    answer,
    application,
    double_precision,
    keras,
    prepared,
    quick_first,
    randomise,
    save,
    without_names,
)
from plusx.backbones.catalogue import card
from plusx.core.task import Task
from plusx.weights.create import card_for, create_backbone, create_model
from plusx.weights.hdf5 import read_keras
from plusx.weights.resolve import load
from plusx.weights.sources.recognise import recognise

pytestmark = QUIET
Distance = Callable[[Tensor, Tensor], float]

UNPUBLISHED = {"mobilenet_v1_125": "mobilenet_v1", "mobilenet_v3_small_050": "mobilenet_v3_small"}
"""Widths that Keras builds and has no weights of, and one of which it has."""


def pictures(*size: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, 3, *size, dtype=dtype, generator=torch.Generator().manual_seed(2))


ODD = pictures(225, 193)  # odd sides are where ways of padding differ


@dataclass(frozen=True)
class Reference:
    """A model of keras.applications for `ODD`, and the folder with its files."""

    name: str
    model: Any
    folder: Path

    def twin(self, *size: int) -> Any:
        """The same network for images of another size."""
        theirs, settings = NETWORKS[self.name]
        twin = application(theirs, (size[0], size[1]), **settings)
        twin.set_weights(self.model.get_weights())
        return twin


@pytest.fixture(scope="module", params=quick_first(NETWORKS))
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    theirs, settings = NETWORKS[request.param]
    folder, model = tmp_path_factory.mktemp(request.param), application(theirs, (225, 193), **settings)
    save(model, folder)
    return Reference(request.param, model, folder)


def test_images_decide_what_the_references_answer(reference: Reference, distance: Distance) -> None:
    """Else all that is compared here are biases."""
    one, other = answer(reference.model, ODD)
    assert distance(one, other) > 1e-3


@pytest.mark.parametrize("file", FILES)
def test_logits_agree(reference: Reference, file: str, distance: Distance) -> None:
    model = create_model(reference.name, weights=str(reference.folder / file)).eval()
    with torch.inference_mode():
        assert distance(model(ODD), answer(reference.model, ODD)) <= 1e-5


def test_even_sides_agree(reference: Reference, distance: Distance) -> None:
    model = create_model(reference.name, weights=str(reference.folder / "legacy.h5")).eval()
    images = pictures(96, 96)
    with torch.inference_mode():
        assert distance(model(images), answer(reference.twin(96, 96), images)) <= 1e-5


def test_layers_without_names_are_taken_in_order(reference: Reference, tmp_path: Path, distance: Distance) -> None:
    path = without_names(reference.folder / "model.weights.h5", tmp_path)
    assert "conv2d/kernel" in read_keras(path)
    model = create_model(reference.name, weights=path).eval()
    with torch.inference_mode():
        assert distance(model(ODD), answer(reference.model, ODD)) <= 1e-5


@pytest.mark.parametrize("first", [17, 1000])
def test_numbers_of_layers_begin_anywhere(reference: Reference, first: int, tmp_path: Path) -> None:
    """As for the second model of a session, and for the hundredth."""
    tensors = read_keras(without_names(reference.folder / "model.weights.h5", tmp_path))
    layout = recognise(tensors)
    assert layout is not None

    def moved(name: str) -> str:
        layer, variable = name.split("/")
        kind, number = re.fullmatch(r"(\w+?)(?:_(\d+))?", layer).groups()  # pyrefly: ignore[missing-attribute]
        return f"{kind}_{int(number or 0) + first}/{variable}"

    later = {moved(name): tensor for name, tensor in tensors.items()}
    assert "conv2d/kernel" not in later
    assert recognise(later) is layout
    found = layout.ordered(later)
    usual = {name.replace("dense/", "predictions/"): tensor for name, tensor in layout.ordered(tensors).items()}
    assert found.keys() == usual.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in usual.items())


def test_training_agrees(reference: Reference, tmp_path: Path, distance: Distance) -> None:
    """Logits, gradients and statistics of two batches; in float64: statistics of few points, and maps on the edge of
    ReLU6, enlarge the rounding of float32 beyond 1e-5."""
    model = create_model(reference.name, weights=str(reference.folder / "legacy.h5")).double().train()
    before, points = {name: value.clone() for name, value in model.state_dict().items()}, points_of(model)
    with double_precision():
        twin = reference.twin(97, 75)
        for layer in twin.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        batches = pictures(2, 97, 75, dtype=torch.float64).movedim(2, 0)
        steps = [(model(images), answer(twin, images, training=True)) for images in batches]
        assert all(distance(found.detach(), expected.detach()) <= 1e-5 for found, expected in steps)
        found, expected = steps[-1]
        found.square().mean().backward()
        expected.square().mean().backward()
        twin.save_weights(tmp_path / "trained.weights.h5")
    trained = load(tmp_path / "trained.weights.h5")
    mine = dict(model.named_parameters())
    kernels = [x.kernel for x in twin.layers if isinstance(x, keras.layers.Conv2D | keras.layers.Dense)]
    for name, kernel in ((next(iter(mine)), kernels[0]), ("head.fc.weight", kernels[-1])):
        assert distance(gradient(mine[name]), trained.layout.imported(name, gradient(kernel.value))) <= 1e-5
    names = trained.layout.names(before)
    for norm, part in norms_of(model).items():
        for variable in ("running_mean", "running_var"):
            name = f"{norm}.{variable}"
            theirs = next(trained.checkpoint.tensors[x] for x in names[name] if x in trained.checkpoint.tensors)
            kept = before[name] * (1 - (part.momentum or 0)) ** 2
            # Keras' variance is that of the batch, torch's the estimate
            estimate = points[norm] / (points[norm] - 1) if variable == "running_var" else 1.0
            assert distance(part.get_buffer(variable) - kept, (theirs - kept) * estimate) <= 1e-5, name


def norms_of(model: Task) -> dict[str, nn.BatchNorm2d]:
    return {name: part for name, part in model.named_modules() if isinstance(part, nn.BatchNorm2d)}


def points_of(model: Task) -> dict[str, int]:
    """Normalisation → how many values of every map it saw last, once the model has run."""
    points: dict[str, int] = {}

    def count(name: str, x: Tensor) -> None:
        points[name] = x.numel() // x.shape[1]

    for name, part in norms_of(model).items():
        part.register_forward_hook(lambda _module, args, _out, name=name: count(name, args[0]))
    return points


def gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def test_the_file_says_how_its_network_is_built_and_its_images_are_prepared(reference: Reference) -> None:
    found = card_for(reference.name, str(reference.folder / "legacy.h5"))
    published = card(f"{UNPUBLISHED.get(reference.name, reference.name)}.keras_in1k")
    assert found is not None
    assert (found.input, found.build, found.vocabulary) == (published.input, published.build, "imagenet-1k")
    assert found.source.filename == "legacy.h5"
    assert not found.metrics
    model = create_model(reference.name, weights=str(reference.folder / "legacy.h5"))
    ours = norms_of(model).values()
    theirs = [layer for layer in reference.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {norm.eps for norm in ours} == {layer.epsilon for layer in theirs}
    assert {norm.momentum for norm in ours} == {round(1 - layer.momentum, 9) for layer in theirs}


@pytest.mark.parametrize(
    "name",  # without V3, whose head has a layer of its own
    [
        *("resnet50", "mobilenet_v2_035"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("resnet50_v2", "mobilenet_v1_025", "densenet121", "xception")
        ),
    ],
)
def test_a_model_inside_a_model_without_its_head(name: str, tmp_path: Path, distance: Distance) -> None:
    theirs, settings = NETWORKS[name]
    images, base = pictures(96, 96), application(theirs, (96, 96), include_top=False, pooling="avg", **settings)
    model = keras.Sequential([base, keras.layers.Dense(5)])
    randomise(model)
    model.save(tmp_path / "flowers.keras")
    base.save_weights(tmp_path / "notop.weights.h5")
    whole = create_model(name, weights=str(tmp_path / "flowers.keras"), classes=5).eval()
    backbone = create_backbone(name, weights=str(tmp_path / "notop.weights.h5")).eval()
    expected = answer(model, images)
    with torch.inference_mode():
        assert distance(whole(images), expected) <= 1e-5
        assert distance(whole.head(backbone(images)[backbone.stages[-1].name]), expected) <= 1e-5


@pytest.mark.parametrize(
    ("name", "module"),
    [
        *(("resnet50", "resnet"), ("resnet50_v2", "resnet_v2"), ("densenet121", "densenet"), ("xception", "xception")),
        *(("mobilenet_v1", "mobilenet"), ("mobilenet_v2", "mobilenet_v2")),
    ],
)
def test_images_are_prepared_as_keras_does(name: str, module: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    expected = getattr(keras.applications, module).preprocess_input(pixels.copy())
    np.testing.assert_allclose(prepared(f"{name}.keras_in1k", pixels), expected, rtol=1e-5, atol=1e-5)


def test_a_head_of_any_name_is_found(reference: Reference) -> None:
    """As in the fourth model of a session; of two fully connected layers none is renamed."""
    tensors = read_keras(reference.folder / "legacy.h5")
    layout = recognise(tensors)
    assert layout is not None
    heads = {name for name, tensor in tensors.items() if tensor.ndim == 2}
    assert heads <= {"predictions/kernel"}  # those of MobileNet V1 and V3 are convolutions
    for layer in ("dense_3", "my_flowers"):
        renamed = {name.replace("predictions/", f"{layer}/"): tensor for name, tensor in tensors.items()}
        assert layout.ordered(renamed).keys() == layout.ordered(tensors).keys()
        two = {**renamed, "before/kernel": torch.zeros(2, 2)}
        assert {f"{layer}/kernel" for _ in heads} <= layout.ordered(two).keys()
