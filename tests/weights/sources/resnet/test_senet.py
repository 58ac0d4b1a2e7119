"""Random weights through files of timm: the same logits and gradients to 1e-5, relative, and back again."""

from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from parity import assert_logits_agree, assert_timm_gets_it_back, assert_training_agrees, timm_pair
from plusx.core.errors import InputError
from plusx.weights.create import card_for, create_model
from plusx.weights.sources.resnet import senet

PAIRS = [*senet.COUNTERPARTS.items(), *senet.LEGACY_RESNETS.items(), *senet.LEGACY_RESNEXTS.items()]
QUICK = ("seresnet50", "legacy_seresnet50", "legacy_seresnext50_32x4d")
CASES = pytest.mark.parametrize(
    ("ours", "theirs"),
    [pytest.param(*pair, id=pair[1], marks=[pytest.mark.slow] * (pair[1] not in QUICK)) for pair in PAIRS],
)


@CASES
def test_logits_agree(ours: str, theirs: str, tmp_path: Path) -> None:
    assert_logits_agree(timm_pair(ours, theirs, tmp_path), (64, 64), (97, 65))


@pytest.mark.parametrize("theirs", ["seresnet50", "legacy_seresnet50"])
def test_odd_sizes_as_photos_have_them(theirs: str, tmp_path: Path) -> None:
    assert_logits_agree(timm_pair("se_resnet50", theirs, tmp_path), (225, 193), batch=1)


@CASES
def test_training_agrees(ours: str, theirs: str, tmp_path: Path) -> None:
    first, last = ("layer0.conv1", "last_linear") if theirs.startswith("legacy") else ("conv1", "fc")
    assert_training_agrees(timm_pair(ours, theirs, tmp_path), (("backbone.conv1.conv", first), ("head.fc", last)))


@CASES
def test_timm_loads_it(ours: str, theirs: str, tmp_path: Path) -> None:
    assert_timm_gets_it_back(timm_pair(ours, theirs, tmp_path), theirs, tmp_path)


def test_the_file_says_how_the_older_networks_are_built(tmp_path: Path) -> None:
    for ours, theirs, told in (
        ("se_resnet50", "legacy_seresnet50", {"stride_on": "1x1", "pool_padding": "end"}),
        ("se_resnext50_32x4d", "legacy_seresnext50_32x4d", {"pool_padding": "end"}),
        ("se_resnet50", "seresnet50", {}),
    ):
        timm_pair(ours, theirs, tmp_path)
        found = card_for(ours, str(tmp_path / "model.safetensors"))
        assert found is not None
        assert dict(found.build) == told


@pytest.mark.parametrize("theirs", ["seresnet50", "legacy_seresnet50"])
def test_another_family_is_told_apart(theirs: str, tmp_path: Path) -> None:
    save_file(timm.create_model(theirs).state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"holds a network of senet, named as timm does; resnet50 is one of resnet\."):
        create_model("resnet50", weights=str(tmp_path / "model.safetensors"))
