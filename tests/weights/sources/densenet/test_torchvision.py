"""Random weights through files of torchvision and timm, which name DenseNet alike: outputs, gradients, statistics."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from plusx.backbones.densenet import DenseLayer
from plusx.core.errors import InputError, WeightsError
from plusx.weights.create import create_model
from plusx.weights.export_keys import save_as
from plusx.weights.reading import read_checkpoint
from plusx.weights.sources.densenet import KERAS, TORCHVISION, place

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]
QUICK, SLOW = "densenet121", ("densenet161", "densenet169", "densenet201")
NAMES = [QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
LIBRARIES: dict[str, Callable[[str], nn.Module]] = {
    "torchvision": lambda name: torchvision.models.get_model(name, weights=None),
    "timm": timm.create_model,
}
ODD = torch.randn(1, 3, 225, 193, generator=torch.Generator().manual_seed(3))


def published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As in torchvision's files of 2017: `norm.1` for `norm1`, and no counts of batches."""
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))", r"\1.", key): value for key, value in state.items()}
    return {key: value for key, value in old.items() if not key.endswith("num_batches_tracked")}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", NAMES)
def test_logits_agree(
    name: str, library: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    reference = randomise(LIBRARIES[library](name))
    path = tmp_path / "model.safetensors"
    save_file(reference.state_dict(), path)
    model = create_model(name, weights=str(path)).eval()
    with torch.inference_mode():
        for pixels in (images, ODD):
            assert distance(model(pixels), reference(pixels)) <= 1e-5


def test_published_files_name_layers_otherwise(
    tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    reference = randomise(torchvision.models.densenet121(weights=None))
    torch.save(published(reference.state_dict()), tmp_path / "densenet121.pth")
    assert "features.denseblock1.denselayer1.norm.1.weight" in read_checkpoint(tmp_path / "densenet121.pth").tensors
    model = create_model("densenet121", weights=str(tmp_path / "densenet121.pth")).eval()
    with torch.inference_mode():
        assert distance(model(images), reference(images)) <= 1e-5


def training_step(module: nn.Module, images: Tensor) -> Tensor:
    """Logits of a step in training mode; gradients stay in the module."""
    logits = module(images)
    logits.square().mean().backward()
    return logits.detach()


@pytest.mark.parametrize("memory_efficient", [False, True])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", NAMES)
def test_a_training_step_agrees(
    name: str, library: str, memory_efficient: bool, tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    """In float64: in float32 the rounding of 120 normalisations by the batch is larger than 1e-5."""
    reference = randomise(LIBRARIES[library](name))
    save_file(reference.state_dict(), tmp_path / "model.safetensors")
    model = create_model(name, weights=str(tmp_path / "model.safetensors"))
    for layer in model.modules():
        if isinstance(layer, DenseLayer):
            layer.memory_efficient = memory_efficient
    images = torch.randn(2, 3, 97, 65, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    ours, theirs = training_step(model.double().train(), images), training_step(reference.double().train(), images)
    assert distance(ours, theirs) <= 1e-5
    found, expected = dict(model.named_parameters()), dict(reference.named_parameters())
    for mine, other in (
        ("backbone.conv1.conv.weight", "features.conv0.weight"),
        ("backbone.dense4.final.norm.weight", "features.norm5.weight"),
        ("head.fc.weight", "classifier.weight"),
    ):
        assert distance(gradient(found[mine]), gradient(expected[other])) <= 1e-5
    state = reference.state_dict()
    for mine, other in TORCHVISION.names(model.state_dict()).items():
        if "running" in mine:
            assert distance(model.state_dict()[mine], state[other[0]]) <= 1e-5


def gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", NAMES)
def test_and_back(
    name: str, library: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    model = create_model(name)
    randomise(model)
    path = tmp_path / "model.safetensors"
    assert library in ("torchvision", "timm")
    assert save_as(path, model, library) == name
    reference = LIBRARIES[library](name).eval()
    reference.load_state_dict(load_file(path), strict=True)
    with torch.inference_mode():
        assert distance(model(images), reference(images)) <= 1e-5


def test_every_tensor_has_its_place() -> None:
    state = create_model("densenet121").state_dict()
    theirs = [names[0] for names in TORCHVISION.names(state).values()]
    assert sorted(theirs) == sorted(torchvision.models.densenet121(weights=None).state_dict())
    assert place("backbone.conv2.block1.preact.norm.weight") is None
    assert KERAS.names(["backbone.dense1.block.layer1.sideways.conv.weight"]) == {
        "backbone.dense1.block.layer1.sideways.conv.weight": ()
    }


def test_a_file_of_another_family_is_refused(tmp_path: Path) -> None:
    torch.save(torchvision.models.densenet121(weights=None).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(
        InputError,
        match=r"pth holds a network of densenet, named as torchvision does; resnet50 .*\. Name densenet121$",
    ):
        create_model("resnet50", weights=str(tmp_path / "weights.pth"))
    with pytest.raises(WeightsError, match=r"weights\.pth does not fit densenet169; nothing was loaded"):
        create_model("densenet169", weights=str(tmp_path / "weights.pth"))
