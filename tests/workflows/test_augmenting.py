"""--augment: which policy a run has, and that it goes on with it to the same bits."""

import shutil
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from pictures import colour_folder
from plusx.core.card import Input
from plusx.core.errors import InputError
from plusx.core.sample import Sample
from plusx.core.targets import Label, Value
from plusx.data.augment.combine import InTurn, OneOf
from plusx.data.augment.mixup import Mixup
from plusx.data.augment.pixels.rand_augment import RandAugment
from plusx.data.augment.pixels.three_augment import ThreeAugment
from plusx.data.augment.progressive import Progressive
from plusx.data.loader import Loader
from plusx.weights.modelfile import load_model
from plusx.workflows.augmenting import AUGMENTATIONS, choose_pixels, choose_progressive, warn_of_mixed_counts
from plusx.workflows.choosing import choose_recipe
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.loading import preparation, training_batches
from plusx.workflows.preparation import read_listing
from plusx.workflows.recipes.recipe import Facts

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 16,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
    "export": False,
}


def test_the_words_are_those_of_the_setting() -> None:
    words = [word for part in get_args(FitSettings.__annotations__["augment"]) for word in get_args(part)]
    assert words == list(AUGMENTATIONS)


def test_the_users_word_or_the_recipes() -> None:
    recipe = (ThreeAugment(),)
    assert choose_pixels(None, recipe, "label") == recipe
    assert choose_pixels("off", recipe, "label") == ()
    facts = Facts(100, "label", 3, 64, pretrained=True)
    assert choose_recipe(FitSettings(augment="randaugment"), facts).recipe.pixels == (RandAugment(),)


def test_what_moves_images_is_refused_for_boxes_and_masks() -> None:
    assert choose_pixels("three", (), "boxes") == AUGMENTATIONS["three"]
    with pytest.raises(
        InputError,
        match=r"--augment trivial shears, shifts and turns images \(TrivialAugment\), and boxes and masks would stay "
        r"behind. Of boxes and masks only colours may change: --augment off, three\.",
    ):
        choose_pixels("trivial", (), "mask")
    with pytest.raises(InputError, match=r"The recipe shears, shifts and turns images \(RandAugment\)"):
        choose_pixels(None, (RandAugment(),), "boxes")


def _valued(*values: float) -> list[Sample]:
    return [Sample(Path("a"), Value((value,)), str(i)) for i, value in enumerate(values)]


def test_mixup_of_counts_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    mixing = InTurn((OneOf((Mixup("value", 1),)),))
    warn_of_mixed_counts(InTurn(), _valued(1, 2))
    warn_of_mixed_counts(mixing, _valued(1, 2.5))
    warn_of_mixed_counts(mixing, [Sample(Path("a"), Label(1), "a")])
    assert not caplog.messages
    warn_of_mixed_counts(mixing, _valued(1, 2, 30))
    assert "all of these are whole numbers, as counts are: a blend of 2 and 3 is trained as 2.5" in caplog.text


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_images_are_changed_before_they_are_normalised(tmp_path: Path, memory_format: torch.memory_format) -> None:
    settings = FitSettings(augment="randaugment", workers=0, colour=0)
    listing = read_listing(colour_folder(tmp_path, per_class=4), settings)
    recipe = choose_recipe(settings, Facts(8, "label", 3, 32, pretrained=True)).recipe
    batches: Loader = training_batches(listing, Input(size=(32, 32)), recipe, settings)
    batch = next(iter(batches.epoch(0))).to(torch.device("cpu"), memory_format)
    prepared = preparation(Input(size=(32, 32)), recipe)(batch, torch.Generator().manual_seed(1))
    plain = preparation(Input(size=(32, 32)))(batch, torch.Generator().manual_seed(1))
    expected = RandAugment().apply(batch.images.contiguous(), torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(values)[:, None, None] for values in (Input().mean, Input().std))
    torch.testing.assert_close(prepared.images, (expected / 255 - mean) / std, rtol=1e-4, atol=1e-4)
    assert not torch.equal(prepared.images, plain.images)
    assert prepared.images.is_contiguous(memory_format=memory_format)


def test_a_run_goes_on_to_the_same_bits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = colour_folder(tmp_path / "data", per_class=6)
    more: dict[str, Any] = {"augment": "randaugment", "progressive": 0.5, "image_size": 64}
    whole = fit(data, **QUICK, **more, epochs=2, out=tmp_path / "whole").path
    assert "images of 32 pixels at first, of 64 from epoch 2 on" in capsys.readouterr().err
    shutil.copytree(whole, tmp_path / "cut")
    for name in ("checkpoints/last.pt", "checkpoints/best.pt", "model.safetensors", "metrics.json"):
        (tmp_path / "cut" / name).unlink(missing_ok=True)
    again = fit(data, resume=tmp_path / "cut", epochs=2).path
    first, second = (load_model(path / "model.safetensors").task.state_dict() for path in (whole, again))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(InputError, match="augment: randaugment → trivial"):
        fit(data, resume=tmp_path / "cut", epochs=2, augment="trivial")


def test_grey_images(tmp_path: Path) -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (8, 1, 16, 16), dtype=np.uint8))
    for parts in AUGMENTATIONS.values():
        for part in parts:
            assert part.apply(images, torch.Generator().manual_seed(0)).shape == images.shape


def test_growing_images_are_the_users_or_the_recipes_and_not_for_boxes() -> None:
    assert choose_progressive(None, Progressive(0.6), "label") == Progressive(0.6)
    assert choose_progressive(0.7, Progressive(0.6, until=0.9), "value") == Progressive(0.7, until=0.9)
    assert choose_progressive(1.0, Progressive(0.6), "boxes") is None
    with pytest.raises(InputError, match=r"--progressive 0\.5 shrinks training images, and boxes and masks would keep"):
        choose_progressive(0.5, None, "masks")
