import pytest
import torch

from plusx.core.backbone import Backbone
from plusx.core.prediction import LabelPrediction
from plusx.tasks.classify import Classify, ClassifyConfig


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
