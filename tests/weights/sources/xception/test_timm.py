"""Random weights through files of timm and back: the same logits, statistics and gradients to 1e-5, relative."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from plusx.core.errors import InputError, WeightsError
from plusx.core.task import Task
from plusx.weights.create import create_backbone, create_model
from plusx.weights.export_keys import save_as
from plusx.weights.sources.recognise import LAYOUTS
from plusx.weights.sources.xception.timm import ALIGNED_LAYOUT, LAYOUT

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]

THEIRS = {"xception": "legacy_xception", **{name: name for name in ("xception41", "xception65", "xception71")}}
QUICK = ("xception", "xception41")
NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in THEIRS]
LAYOUT_OF = {"xception": LAYOUT, **{name: ALIGNED_LAYOUT for name in THEIRS if name != "xception"}}


def pair(name: str, folder: Path, randomise: Randomise) -> tuple[Task, nn.Module]:
    """The same weights here and in timm, in evaluation mode."""
    reference = randomise(timm.create_model(THEIRS[name]))
    path = folder / "model.safetensors"
    save_file(reference.state_dict(), path)
    return create_model(name, weights=str(path)).eval(), reference


@pytest.mark.parametrize("name", NAMES)
def test_logits_agree(name: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance) -> None:
    ours, reference = pair(name, tmp_path, randomise)
    with torch.inference_mode():
        for batch in (images, torch.randn(1, 3, 225, 193, generator=torch.Generator().manual_seed(3))):
            assert distance(ours(batch), reference(batch)) <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_training_agrees(name: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance) -> None:
    """In float64: statistics of a few points enlarge the noise of float32 beyond 1e-5."""
    ours, reference = pair(name, tmp_path, randomise)
    found, expected = ours.double().train()(images.double()), reference.double().train()(images.double())
    assert distance(found.detach(), expected.detach()) <= 1e-5
    seen = torch.randn(found.shape, dtype=torch.float64)
    (found * seen).sum().backward()
    (expected * seen).sum().backward()
    theirs, state = dict(reference.named_parameters()), reference.state_dict()
    name_of = {mine: other[0] for mine, other in LAYOUT_OF[name].names(ours.state_dict()).items()}
    assert sorted(name_of.values()) == sorted(state)
    for mine, parameter in ours.named_parameters():
        other = theirs[name_of[mine]].grad
        assert parameter.grad is not None
        assert other is not None
        assert distance(parameter.grad, other) <= 1e-5, mine
    for mine, value in ours.state_dict().items():
        if "running" in mine:
            assert distance(value, state[name_of[mine]]) <= 1e-5, mine


@pytest.mark.parametrize("name", NAMES)
def test_timm_loads_what_is_written(
    name: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    task = create_model(name, classes=5, **LAYOUT_OF[name].built)
    randomise(task)
    assert save_as(tmp_path / "w.safetensors", task, "timm") == THEIRS[name]
    model = timm.create_model(THEIRS[name], num_classes=5).eval()
    model.load_state_dict(load_file(tmp_path / "w.safetensors"), strict=True)
    with torch.inference_mode():
        assert distance(task(images), model(images)) <= 1e-5


@pytest.mark.slow
def test_a_padded_stem_is_not_written_for_a_network_without(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="timm has no network built like this one; "):
        save_as(tmp_path / "w.safetensors", create_model("xception"), "timm")


@pytest.mark.parametrize("output_stride", [16, 8])
def test_dilation_is_that_of_timm(
    output_stride: int, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    reference = timm.create_model("xception41", output_stride=output_stride, num_classes=0, global_pool="")
    save_file(randomise(reference).state_dict(), tmp_path / "w.safetensors")
    ours = create_backbone("xception41", weights=str(tmp_path / "w.safetensors"), output_stride=output_stride).eval()
    with torch.inference_mode():
        found, expected = ours(images)["exit"], reference(images)
    assert found.shape[2] == images.shape[2] // output_stride
    assert distance(found, expected) <= 1e-5


def test_older_names_and_shapes(tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance) -> None:
    """The head as `last_linear`, 1×1 convolutions as matrices, no counts of batches."""
    reference = randomise(timm.create_model("legacy_xception"))
    old = {
        name.replace("fc.", "last_linear."): tensor.flatten(1) if ".pointwise." in name else tensor
        for name, tensor in reference.state_dict().items()
        if "num_batches" not in name
    }
    torch.save(old, tmp_path / "xception-b5690688.pth")
    ours = create_model("xception", weights=str(tmp_path / "xception-b5690688.pth")).eval()
    with torch.inference_mode():
        assert distance(ours(images), reference(images)) <= 1e-5


def test_no_other_layout_claims_its_files() -> None:
    for name, layout in LAYOUT_OF.items():
        with torch.device("meta"):
            tensors = timm.create_model(THEIRS[name]).state_dict()
        assert [found for found in LAYOUTS if found.recognise(tensors)] == [layout]
    with torch.device("meta"):
        others = [timm.create_model(name).state_dict() for name in ("resnet18", "mobilenetv2_100", "xception41p")]
    assert not any(layout.recognise(tensors) for layout in (LAYOUT, ALIGNED_LAYOUT) for tensors in others)


def test_a_file_of_the_other_paper_is_named(tmp_path: Path) -> None:
    save_file(timm.create_model("xception41").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(
        InputError, match=r"holds a network of aligned_xception, named as timm does; xception is one of"
    ):
        create_model("xception", weights=str(tmp_path / "w.safetensors"))
    with pytest.raises(WeightsError, match=r"unexpected in the file \(\d+\): blocks\.\d+"):
        create_model("xception65", weights=str(tmp_path / "w.safetensors"))
