from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pictures import colour_folder
from plusx.core.errors import InputError
from plusx.core.prediction import LabelPrediction
from plusx.data.augment.combine import InTurn, OneOf
from plusx.data.augment.cutmix import CutMix
from plusx.data.augment.erasing import RandomErasing
from plusx.data.augment.mixup import Mixup
from plusx.data.transforms import TrainTransformConfig
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from plusx.nn.losses.class_balanced import ClassBalanced
from plusx.nn.losses.cross_entropy import CrossEntropy
from plusx.nn.losses.early_learning import EarlyLearning
from plusx.nn.losses.focal import Focal
from plusx.nn.losses.generalised_cross_entropy import GeneralisedCrossEntropy
from plusx.nn.losses.logit_adjustment import LogitAdjustment
from plusx.nn.regularisation import Branches, hook_of, residual_units
from plusx.tasks.classify import Classify
from plusx.weights.modelfile import load_model
from plusx.workflows.augmenting import choose_augment
from plusx.workflows.choosing import choose_recipe
from plusx.workflows.choosing_loss import choose_loss
from plusx.workflows.explaining import check_together
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.predict import predict
from plusx.workflows.recipes.recipe import Facts, Recipe

COUNTS = [9, 1]
USUAL = Recipe(Plan(epochs=1, optimizer=SGD(rate=0.1)), 32, TrainTransformConfig(), label_smoothing=0.1)
PUBLISHED = replace(USUAL, loss=BinaryCrossEntropy(0.2, threshold=0.2), label_smoothing=0.0)


def choose(task: str, recipe: Recipe, **settings: Any) -> Any:
    return choose_loss(task, recipe, FitSettings(**settings), COUNTS)


def test_the_recipes_unless_the_user_says_otherwise() -> None:
    assert choose("classify", USUAL) is None
    assert choose("classify", PUBLISHED) == PUBLISHED.loss
    assert choose("classify", PUBLISHED, losses=("binary-cross-entropy",)) == PUBLISHED.loss
    assert choose("classify", PUBLISHED, losses=("cross-entropy",)) == CrossEntropy(0.2)
    assert choose("classify", USUAL, losses=("class-balanced",)) == ClassBalanced(of=CrossEntropy(0.1), counts=(9, 1))
    assert choose("classify", USUAL, losses=("logit-adjustment",)) == LogitAdjustment(smoothing=0.1, counts=(9, 1))


def test_smoothing_that_a_loss_has_not_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert choose("classify", USUAL, losses=("focal",)) == Focal()
    assert "The recipe's label smoothing of 0.1 has no effect: the loss focal has none" in caplog.text


def test_a_recipe_for_one_class_learns_several_by_the_usual_loss(caplog: pytest.LogCaptureFixture) -> None:
    noisy = replace(USUAL, loss=GeneralisedCrossEntropy())
    assert choose("multilabel", noisy) is None
    assert "The recipe's loss generalised-cross-entropy is for one class an image: the task multilabel" in caplog.text
    assert choose("multilabel", replace(USUAL, label_smoothing=0.0), losses=("focal",)) == Focal()


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        ("classify", {"losses": ("focal", "cross-entropy")}, "takes one loss; found focal, cross-entropy. Name one"),
        ("classify", {"losses": ("focus",)}, "Unknown loss of the task classify 'focus'. Did you mean focal"),
        ("multilabel", {"losses": ("logit-adjustment",)}, "Unknown loss of the task multilabel 'logit-adjustment'"),
        (
            "classify",
            {"losses": ("class-balanced",), "balance": "sampling"},
            "--balance sampling and the loss class-balanced both even out classes of unequal size; together they would",
        ),
        ("multilabel", {"losses": ("early-learning",)}, "Unknown loss of the task multilabel 'early-learning'"),
    ],
)
def test_what_does_not_go_together(task: str, settings: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        choose(task, USUAL, **settings)


MIXED = InTurn((RandomErasing(), OneOf((Mixup("label", 2), CutMix("label", 2)))))


def test_a_loss_that_remembers_images_takes_the_mixing_out_of_a_recipe(caplog: pytest.LogCaptureFixture) -> None:
    asked = FitSettings(losses=("early-learning",))
    assert choose_augment(FitSettings(), MIXED) == MIXED
    assert choose_augment(asked, MIXED) == InTurn((RandomErasing(),))
    assert "Left out of the recipe: Mixup and CutMix. The loss early-learning remembers" in caplog.text
    recipe = choose_recipe(asked, Facts(images=80, kind="label", classes=2, size=32)).recipe
    assert choose_loss("classify", recipe, asked, COUNTS) == EarlyLearning()


def test_a_recipe_that_mixes_cannot_have_a_loss_that_remembers_images() -> None:
    recipe = replace(USUAL, loss=EarlyLearning(), augment=MIXED)
    with pytest.raises(InputError, match="image, and Mixup and CutMix of the recipe would show it mixtures"):
        choose("classify", recipe)


def test_processes_would_remember_a_part_each() -> None:
    with pytest.raises(InputError, match="--losses early-learning is for one process alone, and 2 train together here"):
        check_together(FitSettings(losses=("early-learning",)), 2)


def test_a_run_by_binary_cross_entropy_and_stochastic_depth(tmp_path: Path) -> None:
    quick: dict[str, Any] = {"workers": 0, "device": "cpu", "precision": "fp32", "compile": "no", "batch_size": 8}
    data = colour_folder(tmp_path / "data", per_class=6)
    words: dict[str, Any] = {"losses": "binary-cross-entropy", "drop_path": 0.3, "model": "resnet20", **quick}
    run = fit(data, **words, epochs=1, out=tmp_path / "run")
    assert run.agreement is not None
    task = load_model(run.path / "model.safetensors").task
    assert isinstance(task, Classify)
    assert task.settings.loss == BinaryCrossEntropy(0.1)
    assert all(hook_of(unit.get_submodule("F"), Branches) is None for unit in residual_units(task.backbone))
    [answer] = predict(run.path, [next(data.rglob("*.png"))], runtime="onnx")
    assert isinstance(answer, LabelPrediction)
    assert sum(answer.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
