import torch

from plusx.core.backbone import Backbone
from plusx.core.prediction import LabelsPrediction
from plusx.tasks.multilabel import MultiLabel, MultiLabelConfig


def test_threshold_is_included(backbone: Backbone) -> None:
    task = MultiLabel(backbone, MultiLabelConfig(("a", "b", "c"), threshold=0.5))
    prediction, empty = task.predict(torch.tensor([[0.0, -1.0, 5.0], [-1.0, -1.0, -1.0]]), ["x", "y"])
    assert isinstance(prediction, LabelsPrediction)
    assert isinstance(empty, LabelsPrediction)
    assert prediction.labels == ("a", "c")
    assert empty.labels == ()


def test_soft_targets(backbone: Backbone) -> None:
    task = MultiLabel(backbone, MultiLabelConfig(("a", "b")))
    images = torch.randn(1, 3, 32, 32)
    one, other, mixed = (
        task(images, torch.tensor([t]))["binary-cross-entropy"] for t in ([1.0, 0.0], [0.0, 0.0], [0.5, 0.0])
    )
    torch.testing.assert_close(mixed, (one + other) / 2)
