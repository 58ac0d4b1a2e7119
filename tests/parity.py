"""A network of another library with random weights, ours from its file, and what both have to agree on."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from plusx.core.task import Task
from plusx.weights.create import create_model
from plusx.weights.export_keys import save_as


def randomise(module: nn.Module) -> nn.Module:
    """Statistics, gains and biases away from 0 and 1, so that no mix-up of them stays unseen; evaluation mode.

    Kernels that let images through: with torchvision's own, what reaches the end of its MobileNets are their biases.
    """
    generator = torch.Generator().manual_seed(1)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif tensor.ndim == 1:
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.1)
        else:
            tensor.normal_(0, (1.7 / tensor[0].numel()) ** 0.5, generator=generator)
    return module.eval()


ZERO = 1e-7
"""Gradients that are 0 but for rounding, such as that of a shift before a normalisation, are compared with this."""


def distance(found: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest expected value, or to ZERO where all are smaller."""
    return float((found - expected).abs().max() / expected.abs().max().clamp_min(ZERO))


@dataclass(frozen=True)
class Pair:
    """The same weights twice, in evaluation mode."""

    ours: Task
    theirs: nn.Module


def timm_pair(ours: str, theirs: str, folder: Path) -> Pair:
    """timm's model of 7 classes, and ours from its file, in its memory format: in deep random networks float32 is
    itself a hundredth away from float64, and any other order of summing as far from that."""
    reference = randomise(timm.create_model(theirs, num_classes=7, drop_rate=0.0))
    save_file(reference.state_dict(), folder / "model.safetensors")
    model = create_model(ours, classes=7, weights=str(folder / "model.safetensors")).eval()
    model.backbone.channels_last = ()
    return Pair(model, reference)


def assert_logits_agree(pair: Pair, *sizes: tuple[int, int], batch: int = 2) -> None:
    """To 1e-5, relative."""
    generator = torch.Generator().manual_seed(0)
    for size in sizes:
        images = torch.randn(batch, 3, *size, generator=generator)
        with torch.inference_mode():
            assert distance(pair.ours(images), pair.theirs(images)) <= 1e-5


def assert_training_agrees(pair: Pair, layers: Iterable[tuple[str, str]]) -> None:
    """Logits and the gradients of those layers' weights, to 1e-5, relative. `layers`: names here and there.

    In float64: batch statistics of few points make float32's noise larger than what is tested.
    """
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)).double()
    found, expected = pair.ours.double().train()(images), pair.theirs.double().train()(images)
    assert distance(found.detach(), expected.detach()) <= 1e-5
    found.square().sum().backward()
    expected.square().sum().backward()
    for mine, other in layers:
        gradients = [
            network.get_submodule(name).get_parameter("weight").grad
            for network, name in ((pair.ours, mine), (pair.theirs, other))
        ]
        assert gradients[0] is not None
        assert gradients[1] is not None
        assert distance(gradients[0], gradients[1]) <= 1e-5


def assert_timm_gets_it_back(pair: Pair, name: str, folder: Path) -> None:
    """The file that is written has timm's names, all of them, and the same tensors bit for bit."""
    assert save_as(folder / "again.safetensors", pair.ours, "timm") == name
    expected, found = pair.theirs.state_dict(), load_file(folder / "again.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())
