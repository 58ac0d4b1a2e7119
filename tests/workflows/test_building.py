"""The input of a network: from its weights, the recipe, the user, and images that fit as they are."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pictures import COLOURS, colour_folder, picture
from plusx.backbones.catalogue import architecture
from plusx.core.card import Card, Input
from plusx.core.errors import InputError
from plusx.core.sample import Listing
from plusx.data.transforms import EvalTransform, TrainTransformConfig
from plusx.weights.create import create_model
from plusx.weights.header import read_header
from plusx.weights.modelfile import load_model, save_model
from plusx.workflows.building import Sizes, choose_build, choose_input, design, design_again, later_size, sized
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.preparation import read_listing
from plusx.workflows.recipes.finetune import finetune
from plusx.workflows.recipes.recipe import Facts

RECIPE = finetune(Facts(100, "label", 10, 224))
PUBLISHED = Card("a.b", "a", input=Input(size=(224, 224), resize=256))
EXACT: Sizes = frozenset({(224, 224)})


@pytest.mark.parametrize(
    ("settings", "sizes", "expected"),
    [
        (FitSettings(), frozenset(), ((224, 224), 256, "crop")),
        (FitSettings(), EXACT, ((224, 224), 224, "crop")),
        (FitSettings(), EXACT | {(225, 224)}, ((224, 224), 256, "crop")),
        (FitSettings(), frozenset({(256, 256)}), ((224, 224), 256, "crop")),
        (FitSettings(image_size=128), EXACT, ((128, 128), 146, "crop")),
        (FitSettings(image_size=128), frozenset({(128, 128)}), ((128, 128), 128, "crop")),
        (FitSettings(image_fit="crop"), EXACT, ((224, 224), 256, "crop")),
        (FitSettings(image_fit="pad"), EXACT, ((224, 224), 256, "pad")),
    ],
)
def test_images_of_the_right_size_are_not_enlarged(settings: FitSettings, sizes: Sizes, expected: Any) -> None:
    chosen = choose_input(PUBLISHED, settings, RECIPE, Facts(100, "label", 3, 224), sizes)
    assert (chosen.size, chosen.resize, chosen.fit) == expected


def test_where_targets_have_places_all_of_the_image_is_shown() -> None:
    facts = Facts(100, "mask", 3, 224)
    assert choose_input(PUBLISHED, FitSettings(), RECIPE, facts).fit == "pad"
    assert choose_input(PUBLISHED, FitSettings(image_fit="squash"), RECIPE, facts).fit == "squash"
    with pytest.raises(InputError, match="--image-fit crop would hide parts of the images; boxes and masks take pad"):
        choose_input(PUBLISHED, FitSettings(image_fit="crop"), RECIPE, facts)


def test_a_run_that_goes_on_crops_as_it_began(tmp_path: Path) -> None:
    """BiT-HyperRule goes by the size of the images."""
    data = colour_folder(tmp_path / "data", 4)
    torch.save(create_model("resnet20", classes=10).state_dict(), tmp_path / "resnet20.pth")
    settings = FitSettings(model="resnet20", weights=str(tmp_path / "resnet20.pth"), recipe="bit-hyperrule", workers=0)
    listing, small = read_listing(data, settings), frozenset({(32, 32)})
    with_splits = listing.with_splits({"train": listing.splits["train"], "val": listing.splits["train"]})
    made = design(settings, with_splits, small)
    saved = {"card": made.card.to_json(), "start": made.start, "plan": made.recipe.plan.to_json(), "batch_size": 8}
    again = design_again(settings, with_splits, {**saved, "task": {"name": "classify"}}, small)
    assert isinstance(made.recipe.transform, TrainTransformConfig)
    assert again.recipe.transform == made.recipe.transform
    assert made.recipe.transform.scale[0] == pytest.approx(0.64)


def test_the_size_at_which_images_are_seen_later() -> None:
    label, larger = Listing({"train": (), "val": ()}, "label", ("a",)), replace(RECIPE, test_size=288)
    assert later_size(FitSettings(), RECIPE, label) is None
    assert later_size(FitSettings(), larger, label) == 288
    assert later_size(FitSettings(image_size=160), larger, label) is None  # the recipe's goes with the recipe's own
    assert later_size(FitSettings(image_size=160, test_size=200), larger, label) == 200
    assert sized(Input(size=(224, 224), resize=256), 280) == Input(size=(280, 280), resize=320)
    boxes = Listing({"train": (), "val": ()}, "boxes", ("a",))
    assert later_size(FitSettings(), larger, boxes) is None
    with pytest.raises(InputError, match="--test-size makes up for random crops"):
        later_size(FitSettings(test_size=320), RECIPE, boxes)


def test_small_networks_from_scratch() -> None:
    assert choose_input(None, FitSettings(), RECIPE, Facts(100, "label", 3, 32), frozenset({(32, 32)})).resize == 32
    assert choose_input(None, FitSettings(), RECIPE, Facts(100, "label", 3, 32), frozenset({(28, 28)})).resize == 37


def test_arrays_of_the_networks_size_keep_their_border(tmp_path: Path) -> None:
    names = list(COLOURS)
    x = np.stack([picture(COLOURS[names[i % 3]], i, (32, 32)) for i in range(12)])
    quick: dict[str, Any] = {"device": "cpu", "precision": "fp32", "compile": "no", "workers": 0, "export": False}
    run = fit((x, [i % 3 for i in range(12)]), model="resnet20", epochs=1, batch_size=8, out=tmp_path / "run", **quick)
    chosen = read_header(run.model).card.input
    assert (chosen.size, chosen.resize, chosen.fit) == ((32, 32), 32, "crop")
    seen, _ = EvalTransform(chosen)(x[0], None, np.random.default_rng(0))
    assert np.array_equal(seen.permute(1, 2, 0).numpy(), x[0])


@pytest.mark.parametrize(
    ("settings", "name", "pretrained", "side", "small"),
    [
        (FitSettings(), "resnet18", False, 64, True),
        (FitSettings(), "resnet18", False, 65, False),
        (FitSettings(), "resnet18", True, 32, False),
        (FitSettings(), "resnet20", False, 32, False),
        (FitSettings(small_input="no"), "resnet18", False, 32, False),
        (FitSettings(small_input="yes"), "resnet18", False, 224, True),
    ],
)
def test_small_images_take_a_stem_that_keeps_them(
    settings: FitSettings, name: str, pretrained: bool, side: int, small: bool
) -> None:
    assert choose_build(settings, architecture(name), pretrained, side) == ({"small_input": True} if small else {})


def test_a_network_for_small_images_comes_back_as_one(tmp_path: Path) -> None:
    names = list(COLOURS)
    x = np.stack([picture(COLOURS[names[i % 2]], i, (32, 32)) for i in range(8)])
    quick: dict[str, Any] = {"device": "cpu", "precision": "fp32", "workers": 0, "recompute": True, "export": False}
    data = (x, [i % 2 for i in range(8)])
    run = fit(data, model="resnet18", image_size=32, epochs=1, batch_size=4, out=tmp_path / "run", **quick)
    assert read_header(run.model).card.build == {"small_input": True}
    assert load_model(run.model).task.backbone.stages[-1].stride == 8
    again = fit(data, resume=run.path, epochs=2)
    assert again.history[-1].keys() == run.history[-1].keys()
    assert len(again.history) == 2


def test_small_input_of_a_network_that_has_only_that() -> None:
    with pytest.raises(InputError, match="Unknown setting of resnet20 'small_input'"):
        create_model("resnet20", small_input=True)


def test_a_recipe_that_blurs_does_so_for_random_weights(tmp_path: Path) -> None:
    settings = FitSettings(model="resnet20", recipe="mosaic-mild")
    listing = read_listing(colour_folder(tmp_path / "data", per_class=4), settings)
    made = design(settings, listing)
    assert made.card.build["blur_pool"] is True
    assert made.recipe.blur_pool
    save_model(tmp_path / "plain.safetensors", made.task, replace(made.card, build={}))
    tuned = design(replace(settings, weights=str(tmp_path / "plain.safetensors")), listing)
    assert "blur_pool" not in tuned.card.build
