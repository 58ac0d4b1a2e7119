"""Random weights through files of timm: the same logits and gradients to 1e-5, relative, and back again."""

from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from parity import assert_logits_agree, assert_timm_gets_it_back, assert_training_agrees, timm_pair
from plusx.core.errors import InputError
from plusx.weights.create import create_model
from plusx.weights.sources.resnet import resnet_d

QUICK = ("resnet18_d", "resnet50_d")
CASES = pytest.mark.parametrize(
    ("ours", "theirs"),
    [pytest.param(*pair, marks=[pytest.mark.slow] * (pair[0] not in QUICK)) for pair in resnet_d.COUNTERPARTS.items()],
)


@CASES
def test_logits_agree(ours: str, theirs: str, tmp_path: Path) -> None:
    assert_logits_agree(timm_pair(ours, theirs, tmp_path), (64, 64), (97, 65))


def test_odd_sizes_as_photos_have_them(tmp_path: Path) -> None:
    assert_logits_agree(timm_pair("resnet18_d", "resnet18d", tmp_path), (225, 193), batch=1)


@CASES
def test_training_agrees(ours: str, theirs: str, tmp_path: Path) -> None:
    layers = (("backbone.conv1.layer1.conv", "conv1.0"), ("head.fc", "fc"))
    assert_training_agrees(timm_pair(ours, theirs, tmp_path), layers)


@CASES
def test_timm_loads_it(ours: str, theirs: str, tmp_path: Path) -> None:
    assert_timm_gets_it_back(timm_pair(ours, theirs, tmp_path), theirs, tmp_path)


def test_another_family_is_told_apart(tmp_path: Path) -> None:
    save_file(timm.create_model("resnet50d").state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(
        InputError, match=r"holds a network of resnet_d, named as timm does; resnet50 is one of resnet\."
    ):
        create_model("resnet50", weights=str(tmp_path / "model.safetensors"))
