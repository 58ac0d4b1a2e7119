"""Which recipe is taken, what is changed in it, and what is said of that."""

from typing import Any

import pytest

from plusx.core.errors import InputError
from plusx.core.sample import Kind
from plusx.data.augment.combine import InTurn, OneOf, members
from plusx.data.augment.cutmix import CutMix
from plusx.data.augment.erasing import RandomErasing
from plusx.data.augment.mixup import Mixup
from plusx.data.jitter import JitterConfig
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.muon import Muon
from plusx.engine.schedules.step import Step
from plusx.nn.losses.generalised_cross_entropy import GeneralisedCrossEntropy
from plusx.nn.losses.logit_adjustment import LogitAdjustment
from plusx.workflows.choosing import Choice, choose_recipe
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import settings_from
from plusx.workflows.recipes.catalogue import names
from plusx.workflows.recipes.mapping import kept
from plusx.workflows.recipes.recipe import Facts


def chosen(images: int = 45_000, kind: Kind = "label", pretrained: bool = False, **settings: object) -> Choice:
    return choose_recipe(FitSettings(**settings), Facts(images, kind, 3, 224, pretrained=pretrained))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "pretrained", "note"),
    [
        ("label", True, "recipe finetune: the weights are pretrained (plusx recipes)"),
        ("value", False, "recipe scratch-small: the weights are random (plusx recipes)"),
        ("boxes", True, "recipe dense: boxes and masks (plusx recipes)"),
    ],
)
def test_the_default_says_why(kind: Kind, pretrained: bool, note: str) -> None:
    assert chosen(kind=kind, pretrained=pretrained).notes == (note,)


def test_muon_is_for_one_target_an_image_and_whole_matrices() -> None:
    adamw = AdamW(rate=1e-3, weight_decay=0.05)
    assert chosen().recipe.plan.optimizer == Muon(rate=0.03, weight_decay=0.05)
    assert isinstance(chosen(kind="value").recipe.plan.optimizer, Muon)
    assert chosen(kind="labels").recipe.plan.optimizer == adamw
    assert chosen(nproc=2, shard_model=True).recipe.plan.optimizer == adamw
    assert isinstance(chosen(nproc=2, shard_model=True, optimizer="muon").recipe.plan.optimizer, Muon)


def test_what_was_published_nowhere_cannot_be_departed_from() -> None:
    assert chosen(recipe="noisy-labels", epochs=3).notes == ()


def test_as_published_nothing_is_said() -> None:
    assert chosen(recipe="paper") == (chosen(recipe="paper").recipe, ())
    assert chosen(recipe="paper").recipe.plan.optimizer.rate == 0.1


def test_what_stops_it_from_being_the_recipe_is_said_in_one_line() -> None:
    made, notes = chosen(recipe="paper", epochs=50, batch_size=32, weight_decay=0.01, crop=0.9, image_size=96)
    assert notes == (
        "paper was published with 120 epochs, batches of 256, 224 pixels, weight decay 0.0001, crops of 0.6; this run "
        "has 50 epochs, batches of 32, 96 pixels, weight decay 0.01, crops of 0.9: do not expect its published score",
        "rate 0.1 → 0.0125: batches of 32 instead of 256 (SGD: in proportion)",
    )
    assert made.plan.optimizer.rate == 0.0125
    assert made.image_size == 96


def test_another_optimizer_is_said_with_both_rates() -> None:
    _, (said,) = chosen(recipe="paper", optimizer="lamb", sam=0.05, batch_size=256)
    assert "SGD at 0.1, no SAM; this run has Lamb at 0.005, SAM 0.05" in said
    few = chosen(optimizer="lamb", batch_size=16).notes
    assert len(few) == 2
    assert few[1].startswith("LAMB with steps of 16 images")


def test_a_named_optimizer_follows_the_batch_by_its_own_rule() -> None:
    made, notes = chosen(60, recipe="tv2", optimizer="adamw")
    assert made.plan.optimizer.rate == pytest.approx(5e-3 * (8 / 1024) ** 0.5)
    assert notes[-1].endswith("(AdamW: by the square root of the ratio)")
    made, notes = chosen(600, recipe="a1", optimizer="sgd")
    assert made.plan.optimizer.rate == pytest.approx(0.1 * 64 / 2048)
    assert notes[-1].startswith("rate 0.1 (that of SGD in its place) → 0.00313: batches of 64 instead of 2048")
    assert chosen(600, recipe="paper", optimizer="sgd").notes == chosen(600, recipe="paper").notes


@pytest.mark.parametrize(
    ("settings", "published", "here"),
    [
        ({"sam": 0.1}, "SAM 0.5", "SAM 0.1"),
        ({"progressive": 0.7}, "images that grow from 0.5", "images that grow from 0.7"),
        ({"schedule": "constant"}, "schedule Cosine", "schedule Constant"),
        ({"average": "swa"}, "average Ema", "average Swa"),
        ({"flip": False}, "flips 0.5", "flips 0"),
        ({"frozen_epochs": 2, "pretrained": True}, "frozen epochs 0", "frozen epochs 2"),
    ],
)
def test_every_departure_is_said(settings: dict[str, Any], published: str, here: str) -> None:
    (said,) = [text for text in chosen(recipe="mosaic-medium", **settings).notes if "was published with" in text]
    before, _, after = said.partition("; this run has ")
    assert (published in before, here in after) == (True, True), said


def test_a_head_alone_on_random_weights_is_said() -> None:
    (_, said) = chosen(frozen_epochs=3).notes
    assert said.startswith("3 epochs of the head alone, on a backbone of random weights that stay")
    assert chosen(recipe="finetune").notes[0].startswith("1 epoch of the head alone")
    assert len(chosen(frozen_epochs=3, pretrained=True).notes) == 1


def test_a_rate_that_was_given_is_not_scaled() -> None:
    made, (said,) = chosen(recipe="paper", rate=0.02, batch_size=32)
    assert made.plan.optimizer.rate == 0.02
    assert "this run has batches of 32, rate 0.02" in said


def test_a_rate_that_does_not_follow_the_batch_is_not_said() -> None:
    assert chosen(80, recipe="noisy-labels", batch_size=16).notes == ()


def test_a_few_hundred_images_cannot_fill_its_batch() -> None:
    made, notes = chosen(600, recipe="bit-hyperrule", pretrained=True)
    assert (made.batch_size, made.plan.accumulate, made.plan.epochs) == (32, 16, 250)  # 500 steps
    assert notes == ()
    made, notes = chosen(600, recipe="tv2")
    assert (made.batch_size, made.plan.accumulate, made.plan.epochs) == (64, 1, 600)
    assert notes[1] == "rate 0.5 → 0.0312: batches of 64 instead of 1024, as 600 images fill (SGD: in proportion)"


def test_a_large_batch_goes_in_several_passes() -> None:
    made = chosen(30_000, recipe="tv2")
    assert (made.recipe.batch_size, made.recipe.plan.accumulate, made.notes) == (256, 4, ())
    assert chosen(30_000, "boxes", recipe="paper").recipe.batch_size == 16
    more = chosen(30_000, recipe="bit-hyperrule", pretrained=True, accumulate=4, batch_size=16)
    assert (more.recipe.batch_size, more.recipe.plan.accumulate) == (16, 4)
    assert more.recipe.plan.optimizer.rate == pytest.approx(0.003 * 64 / 512)


def test_weights_it_was_not_made_for_are_said() -> None:
    (note,) = chosen(recipe="bit-hyperrule").notes
    assert "pretrained weights; this run has random weights" in note


def test_a_task_that_it_was_not_made_for_says_what_it_maps_to() -> None:
    made, notes = chosen(45_000, "boxes", recipe="paper")
    assert notes[0] == (
        "paper was made for one label an image; for boxes it keeps optimizer, schedule, averaging and epochs; "
        "pictures, crops and size are those of the recipe dense, and the loss is the task's"
    )
    assert isinstance(made.transform, JitterConfig)
    assert made.mix is not None
    whole, (said, *_) = chosen(100, "label", recipe="dense", batch_size=16)
    assert "for one label an image it keeps optimizer, schedule, averaging and epochs; crops, colours and size" in said
    assert (whole.mix, isinstance(whole.transform, JitterConfig), whole.image_size) == (None, False, 128)
    _, (said, *_) = chosen(45_000, "value", recipe="paper")
    assert "for numbers it keeps optimizer, schedule, averaging and epochs, crops and colours; mixup stays" in said


def test_mixing_that_has_no_meaning_for_the_targets_goes() -> None:
    both = InTurn((OneOf((Mixup("label", 3), CutMix("label", 3))), RandomErasing()))
    assert tuple(kept(both, "value")) == (Mixup("value", 3), RandomErasing())
    assert tuple(kept(both, "labels")) == (OneOf((Mixup("labels", 3), CutMix("labels", 3))), RandomErasing())


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(InputError, match=r"recipe: found 'a9', expected one of auto, a1, a2, a3, b, bit-hyperrule"):
        settings_from(FitSettings, {"recipe": "a9"})


def test_a_schedule_that_counts_epochs_is_shortened_with_them() -> None:
    plan = chosen(recipe="b", epochs=45).recipe.plan
    assert isinstance(plan.schedule, Step)
    assert plan.schedule.every == pytest.approx(0.24)


@pytest.mark.parametrize("name", [name for name in names() if name != "dense"])
@pytest.mark.parametrize("kind", ["labels", "value", "boxes"])
def test_every_recipe_maps_to_every_task(name: str, kind: Kind) -> None:
    made = chosen(300, kind, recipe=name, epochs=3).recipe
    assert made.loss is None or kind == "label"
    assert not (kind == "boxes" and any(part.moves for part in made.pixels))
    assert not (kind == "value" and any(isinstance(part, CutMix) for part in members(made.augment)))
    assert (made.batch_size, made.plan.epochs) <= (32, 3)


def test_the_losses_for_labels_that_are_not_as_one_wishes() -> None:
    assert chosen(recipe="imbalanced").recipe.loss == LogitAdjustment()
    noisy = chosen(recipe="noisy-labels", pretrained=True).recipe
    assert (noisy.loss, noisy.plan.frozen_epochs) == (GeneralisedCrossEntropy(), 1)
