"""Files whose tensors have the names of two networks that are built differently."""

import logging
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from plusx.core.errors import InputError
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
