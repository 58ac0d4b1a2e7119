import pytest
import torch
from sklearn.metrics import f1_score, jaccard_score
from torch import Tensor

from plusx.core.errors import InputError, NonFiniteOutputError
from plusx.tasks.metrics.multilabel_segment import MultiLabelSegmentMetrics

CLASSES = ("cell", "nucleus", "never")


def batches() -> list[tuple[Tensor, Tensor]]:
    """Two of other sizes; the last class is in no target and in no answer."""
    random = torch.Generator().manual_seed(0)
    made = []
    for size in ((2, 3, 13, 17), (1, 3, 8, 9)):
        outputs, targets = torch.randn(size, generator=random), torch.randint(2, size, generator=random)
        targets[torch.rand(size, generator=random) < 0.1] = 255
        outputs[:, 2], targets[:, 2] = -9.0, 0
        made.append((outputs, targets.to(torch.uint8)))
    return made


@pytest.mark.parametrize("least", [0.0, 0.7])
def test_as_scikit_learn_over_all_pixels_that_count(least: float) -> None:
    metrics = MultiLabelSegmentMetrics(CLASSES, least)
    for outputs, targets in batches():
        metrics.update(outputs, targets)
    pairs: list[tuple[float, float]] = []
    for k in (0, 1):
        answers = torch.cat([o[:, k][t[:, k] != 255] >= least for o, t in batches()])
        truths = torch.cat([t[:, k][t[:, k] != 255] == 1 for _, t in batches()])
        pairs.append((float(jaccard_score(truths, answers)), float(f1_score(truths, answers))))  # type: ignore[arg-type]
    found = metrics.compute()
    assert found["miou"] == pytest.approx(sum(iou for iou, _ in pairs) / 2)
    assert found["dice"] == pytest.approx(sum(f1 for _, f1 in pairs) / 2)
    scores = metrics.details().classes
    assert [score.ranking.get("IoU") for score in scores] == [*(pytest.approx(iou) for iou, _ in pairs), None]
    assert [score.support for score in scores] == [3, 3, 0]


def test_nothing_there_and_nothing_given_is_right() -> None:
    metrics = MultiLabelSegmentMetrics(CLASSES)
    metrics.update(torch.full((1, 3, 4, 4), -1.0), torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    assert metrics.compute() == {"miou": 1.0, "dice": 1.0, "pixel-accuracy": 1.0}


def test_what_cannot_be_scored() -> None:
    metrics = MultiLabelSegmentMetrics(CLASSES)
    with pytest.raises(NonFiniteOutputError):
        metrics.update(torch.full((1, 3, 4, 4), torch.nan), torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    metrics.update(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 255, dtype=torch.uint8))
    with pytest.raises(InputError, match=r"all pixels of the 1 masks are void \(255\)"):
        metrics.compute()
