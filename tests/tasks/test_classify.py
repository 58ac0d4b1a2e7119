import json

import pytest
import torch

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.prediction import LabelPrediction
from plusx.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from plusx.nn.losses.class_balanced import ClassBalanced
from plusx.nn.losses.focal import Focal
from plusx.nn.losses.logit_adjustment import LogitAdjustment
from plusx.tasks.classify import Classify, ClassifyConfig
from plusx.tasks.create import create


def test_indices_and_probabilities_as_targets(backbone: Backbone) -> None:
    task = Classify(backbone, ClassifyConfig(("a", "b", "c"), label_smoothing=0.1, class_weights=(1.0, 2.0, 3.0)))
    images, indices = torch.randn(2, 3, 32, 32), torch.tensor([2, 0])
    certain = torch.nn.functional.one_hot(indices, 3).float()
    torch.testing.assert_close(task(images, indices), task(images, certain))


def test_probabilities_rank_and_sum_to_one(backbone: Backbone) -> None:
    [prediction] = Classify(backbone, ClassifyConfig(("a", "b", "c"))).predict(torch.tensor([[0.0, 2.0, 1.0]]), ["x"])
    assert isinstance(prediction, LabelPrediction)
    assert (prediction.label, list(prediction.probabilities)) == ("b", ["b", "c", "a"])
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0)


def test_names_and_outputs_must_match(backbone: Backbone) -> None:
    with pytest.raises(ValueError, match="zip"):
        Classify(backbone, ClassifyConfig(("a", "b"))).predict(torch.zeros(2, 2), ["only one"])


def test_class_weights_move_with_the_task(backbone: Backbone) -> None:
    task = Classify(backbone, ClassifyConfig(("a", "b"), class_weights=(1.0, 3.0))).to("meta")
    assert task.class_weights is not None
    assert task.class_weights.device.type == "meta"


def test_the_loss_is_part_of_the_configuration(backbone: Backbone) -> None:
    loss = ClassBalanced(0.99, BinaryCrossEntropy(0.1, threshold=0.2), counts=(5, 1, 3))
    task = Classify(backbone, ClassifyConfig(("a", "b", "c"), loss=loss))
    again = create("classify", backbone, json.loads(json.dumps(task.config())))
    assert isinstance(again, Classify)
    assert again.settings.loss == loss


def test_outputs_of_any_loss_are_logits_of_a_softmax(backbone: Backbone) -> None:
    task = Classify(backbone, ClassifyConfig(("a", "b", "c"), loss=BinaryCrossEntropy())).eval()
    images = torch.randn(4, 3, 32, 32)
    p = task.head(task.backbone(images)[task.last.name]).sigmoid()
    torch.testing.assert_close(task.decode(task(images)), p / p.sum(dim=1, keepdim=True))
    assert list(task(images, torch.tensor([0, 1, 2, 0]))) == ["binary-cross-entropy"]


def test_a_loss_brings_its_own_smoothing() -> None:
    with pytest.raises(InputError, match=r"has the loss focal and label_smoothing 0\.1, which is for the task's usual"):
        ClassifyConfig(("a", "b"), label_smoothing=0.1, loss=Focal())


def test_a_loss_that_goes_by_frequencies_needs_them() -> None:
    with pytest.raises(InputError, match=r"logit-adjustment needs counts, .* each of the 2 classes; found 3"):
        ClassifyConfig(("a", "b"), loss=LogitAdjustment(counts=(1, 2, 3)))
