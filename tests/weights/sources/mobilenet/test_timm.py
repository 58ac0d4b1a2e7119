"""Random weights through files of timm: the same logits to 1e-5, relative, the same training step, and back."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from plusx.core.task import Task
from plusx.weights.create import create_model
from plusx.weights.export_keys import save_as
from plusx.weights.sources.mobilenet.timm import V1, V2, V3, V3_TENSORFLOW

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]
Gaps = Callable[[Task, nn.Module], dict[str, float]]

QUICK = ("mobilenet_v1", "mobilenet_v2_035", "mobilenet_v3_small_050", "mobilenet_v3_small_minimal.tf_in1k")
CASES = [  # a file named with its card is built as that says, padding "same" too
    pytest.param(name, theirs, marks=[pytest.mark.slow] * (name not in QUICK))
    for name, theirs in {
        **V1.counterparts,
        **V2.counterparts,
        **V3.counterparts,
        **{f"{ours}.tf_in1k": theirs for ours, theirs in V3_TENSORFLOW.counterparts.items()},
    }.items()
]


def saved(reference: nn.Module, folder: Path) -> str:
    save_file(reference.state_dict(), folder / "model.safetensors")
    return str(folder / "model.safetensors")


@pytest.mark.parametrize("size", [(64, 64), (225, 193)], ids=["even", "odd"])
@pytest.mark.parametrize(("name", "theirs"), CASES)
def test_logits_agree(
    name: str, theirs: str, size: tuple[int, int], tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    reference = randomise(timm.create_model(theirs))
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert (
            distance(create_model(name, weights=saved(reference, tmp_path)).eval()(images), reference(images)) <= 1e-5
        )


@pytest.mark.parametrize(("name", "theirs"), CASES)
def test_a_training_step_agrees(
    name: str, theirs: str, tmp_path: Path, randomise: Randomise, training_gaps: Gaps
) -> None:
    reference = randomise(timm.create_model(theirs))
    gaps = training_gaps(create_model(name, weights=saved(reference, tmp_path)), reference)
    assert max(gaps.values()) <= 1e-5, gaps


@pytest.mark.parametrize(("name", "theirs"), CASES)
def test_back_again(
    name: str, theirs: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    layout = next(layout for layout in (V1, V2, V3_TENSORFLOW, V3) if theirs in layout.counterparts.values())
    task = create_model(name.split(".")[0], classes=5, **layout.built)
    randomise(task)
    assert save_as(tmp_path / "w.safetensors", task, "timm") == theirs
    reference = timm.create_model(theirs, num_classes=5).eval()
    reference.load_state_dict(load_file(tmp_path / "w.safetensors"), strict=True)
    with torch.inference_mode():
        assert distance(reference(images), task(images)) <= 1e-5


def test_a_local_file_is_built_with_timms_epsilon(tmp_path: Path, randomise: Randomise) -> None:
    path = saved(randomise(timm.create_model("mobilenetv3_small_050")), tmp_path)
    parts = create_model("mobilenet_v3_small_050", weights=path).modules()
    assert {part.eps for part in parts if isinstance(part, nn.BatchNorm2d)} == {1e-5}


@pytest.mark.parametrize(
    "theirs", ["efficientnet_lite0", "mnasnet_small", "semnasnet_050", "mobilenetv4_conv_small_035"]
)
def test_files_of_other_families_are_left_alone(theirs: str) -> None:
    file = timm.create_model(theirs).state_dict()
    assert not V1.recognise(file)
    assert not V3.recognise(file)


def test_layouts_keep_to_their_own_files() -> None:
    for theirs, own in (("mobilenetv1_100", V1), ("mobilenetv2_035", V2), ("mobilenetv3_small_050", V3)):
        file = timm.create_model(theirs).state_dict()
        assert [layout for layout in (V1, V2, V3) if layout.recognise(file)] == [own]
