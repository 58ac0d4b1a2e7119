import pytest
import torch
from torch import Tensor
from torchvision.ops import batched_nms

from plusx.nn.detection.proposals import moved, proposals

SIZE = (100, 160)


@pytest.fixture(params=[False, True], ids=["image by image", "at once"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported files take the whole batch at once."""
    if request.param:
        monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)


def levels(images: int = 3) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    corner, extent = (torch.rand(images, 90, 2, generator=generator) for _ in range(2))
    boxes = torch.cat((corner * 150 - 10, corner * 150 + extent * 50), dim=-1)
    scores = torch.rand(images, 90, generator=generator)
    return list(boxes.split((60, 30), 1)), list(scores.split((60, 30), 1))


@pytest.mark.usefixtures("at_once")
def test_the_best_of_each_level_and_image() -> None:
    boxes, scores = levels()
    found = proposals(moved(boxes, scores, SIZE, least=0.1), iou=0.3, count=30)
    all_boxes, all_scores = torch.cat(boxes, dim=1), torch.cat(scores, dim=1)
    level = torch.tensor([0] * 60 + [1] * 30)
    for image in range(3):
        cut = all_boxes[image].clone()
        cut[:, 0::2] = cut[:, 0::2].clamp(0, 160)
        cut[:, 1::2] = cut[:, 1::2].clamp(0, 100)
        valid = ((cut[:, 2:] - cut[:, :2]).min(dim=1).values >= 1e-3) & (all_scores[image] >= 0.1)
        kept = batched_nms(cut[valid], all_scores[image][valid], level[valid], 0.3)[:30]
        assert torch.equal(found.boxes[image][found.there[image]], cut[valid][kept])


@pytest.mark.usefixtures("at_once")
def test_rows_after_the_last() -> None:
    boxes, scores = levels()
    scores = [part * torch.tensor([1.0, 0, 1]).view(3, 1) for part in scores]
    found = proposals(moved(boxes, scores, SIZE, least=0.6), iou=0.1, count=80)
    assert found.boxes.shape == (3, 80, 4)
    assert not found.there[1].any()
    assert 0 < found.there[0].sum() < 80
    assert (found.boxes[~found.there] == 0).all()


@pytest.mark.usefixtures("at_once")
def test_fewer_boxes_than_asked_for() -> None:
    boxes, scores = levels()
    assert proposals(moved(boxes, scores, SIZE, least=0.0), iou=0.5, count=1000).boxes.shape == (3, 90, 4)


def test_what_is_left_outside_is_no_proposal() -> None:
    outside = torch.tensor([[[-20.0, -20, -5, -5], [0, 0, 10, 10], [150, 90, 190, 120]]])
    found = moved([outside], [torch.ones(1, 3)], SIZE, least=0.0)
    assert found.valid.tolist() == [[False, True, True]]
    assert found.boxes[0, 2].tolist() == [150, 90, 160, 100]
