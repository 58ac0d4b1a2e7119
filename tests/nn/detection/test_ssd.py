"""Default boxes, matching and losses against torchvision's; a batch is learnt by heart."""

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD as TORCHVISION_SSD

from exported_heads import check_exported
from plusx.core.backbone import Features
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import conv, conv_norm_act
from plusx.nn.detection.boxes import pairwise_iou
from plusx.nn.detection.default_boxes import default_boxes, shapes
from plusx.nn.detection.ground_truth import Truth
from plusx.nn.detection.nms import suppressed
from plusx.nn.detection.ssd import SSD, STYLES, SSDConfig, decoded, encoded, hardest, matched

STAGES = (Stage("conv3", 8, 8), Stage("conv4", 16, 16), Stage("conv5", 32, 32))
SIZE = (96, 128)
BOXES = torch.tensor([[5.0, 6, 60, 70], [70, 20, 120, 90], [30, 30, 50, 52]])


def features_of(size: tuple[int, int] = SIZE, images: int = 2) -> Features:
    generator = torch.Generator().manual_seed(5)
    return {
        stage.name: torch.randn(
            images, stage.channels, -(-size[0] // stage.stride), -(-size[1] // stage.stride), generator=generator
        )
        for stage in STAGES
    }


def target(boxes: Tensor, labels: list[int], ignored: float = 0, rows: int = 3) -> Tensor:
    found = torch.tensor([[-1.0, 0, 0, 0, 0, 0, 0]]).repeat(rows, 1)
    for row, box, label in zip(found, boxes, labels, strict=False):
        row[0], row[1:5], row[5] = label, box, ignored
    return found


def built(style: Literal[300, 512] = 300, candidates: int = 3000) -> SSD:
    torch.manual_seed(1)
    return SSD(STAGES, 3, SSDConfig(style, candidates=candidates))


@pytest.mark.parametrize(
    ("style", "size", "grids"),
    [
        (300, (300, 300), [(38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1)]),
        (512, (512, 480), [(64, 60), (32, 30), (16, 15), (8, 8), (4, 4), (2, 2), (1, 1)]),
    ],
)
def test_default_boxes_are_torchvisions(style: int, size: tuple[int, int], grids: list[tuple[int, int]]) -> None:
    generator = DefaultBoxGenerator(
        [[int(ratio) for ratio in ratios] for ratios in STYLES[style].ratios], scales=list(STYLES[style].scales)
    )
    images = ImageList(torch.zeros(1, 3, *size), [size])
    expected = generator(images, [torch.zeros(1, 1, *grid) for grid in grids])[0]
    found = default_boxes(shapes(STYLES[style].scales, STYLES[style].ratios), grids, size, torch.device("cpu"))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-6)


def test_numbers_of_default_boxes() -> None:
    """Maps of 38, 19, 10, 5, 3 and 2 cells: the paper's 8732 boxes and 12 more, as its last map has one cell."""
    assert built(candidates=2000)(features_of((300, 300), 1), (300, 300)).shape == (1, 2000, 6)
    assert len(built()._predicted(features_of((300, 300), 1), (300, 300))[2]) == 8732 + 3 * 4
    assert len(built(512)._predicted(features_of((512, 512), 1), (512, 512))[2]) == 24564


@pytest.mark.parametrize("empty", [False, True], ids=["boxes", "one image without"])
def test_losses_are_torchvisions(empty: bool) -> None:
    head, features = built(), features_of()
    targets = torch.stack((target(BOXES, [0, 2, 1]), target(BOXES[:0] if empty else BOXES[1:] - 3, [1, 1])))
    logits, moves, around = head._predicted(features, SIZE)
    reference = TORCHVISION_SSD(nn.Identity(), DefaultBoxGenerator([[2]]), SIZE, 4, head=nn.Identity())
    asked = [{"boxes": t[t[:, 0] >= 0, 1:5], "labels": t[t[:, 0] >= 0, 0].long() + 1} for t in targets]
    matches = [
        reference.proposal_matcher(pairwise_iou(one["boxes"], around))
        if len(one["boxes"])
        else torch.full((len(around),), -1)
        for one in asked
    ]
    outputs = {"bbox_regression": moves, "cls_logits": logits}
    expected = reference.compute_loss(asked, outputs, [around] * 2, matches)
    found = head.losses(features, SIZE, targets)
    torch.testing.assert_close(found["loss_classifier"], expected["classification"])
    torch.testing.assert_close(found["loss_box_reg"], expected["bbox_regression"])


def test_detections_are_torchvisions() -> None:
    head, features = built().eval(), features_of()
    reference = TORCHVISION_SSD(
        nn.Identity(), DefaultBoxGenerator([[2]]), SIZE, 4, head=nn.Identity(), score_thresh=0.2, topk_candidates=9999
    )
    with torch.inference_mode():
        logits, moves, around = head._predicted(features, SIZE)
        outputs = {"bbox_regression": moves, "cls_logits": logits}
        expected = reference.postprocess_detections(outputs, [around] * 2, [SIZE] * 2)
        found = suppressed(head(features, SIZE), iou=0.45, detections=200, least=0.2)
    for ours, theirs in zip(found, expected, strict=True):
        ours = ours[ours[:, 4] > 0]
        assert len(ours) > 20
        torch.testing.assert_close(ours[:, :4], theirs["boxes"], atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(ours[:, 4], theirs["scores"])
        assert (ours[:, 5].long() + 1).tolist() == theirs["labels"].tolist()


def test_every_box_has_its_best_default_box() -> None:
    around = torch.tensor([[0.0, 0, 10, 10], [0, 0, 40, 40], [60, 60, 90, 90], [50, 0, 60, 10]])
    boxes = torch.tensor([[0.0, 0, 4, 4], [58, 60, 90, 90]])
    labels, codes = matched(around, Truth(boxes, torch.tensor([2, 0]), boxes[:0]), iou=0.5)
    assert labels.tolist() == [3, 0, 1, 0]
    torch.testing.assert_close(decoded(codes, around)[[0, 2]], boxes)


def test_ignored_boxes_are_no_background() -> None:
    around = torch.tensor([[0.0, 0, 10, 10], [6, 0, 16, 10], [4, 0, 14, 10], [50, 0, 60, 10]])
    crowd = torch.tensor([[0.0, 0, 10, 40]])
    labels, _ = matched(around, Truth(crowd[:0], torch.zeros(0).long(), crowd), iou=0.5)
    assert labels.tolist() == [-1, 0, -1, 0]
    labels, _ = matched(around, Truth(around[:1], torch.tensor([1]), crowd), iou=0.5)
    assert labels.tolist() == [2, 0, -1, 0]


def test_hardest_background_three_for_each_positive() -> None:
    entropy = torch.tensor([[9.0, 1, 5, 4, 3, 2, 8], [1, 2, 3, 4, 5, 6, 7]])
    labels = torch.tensor([[2, 0, 0, 0, 0, 0, -1], [0, 0, 0, 0, 0, 0, 0]])
    assert hardest(entropy, labels, 3).tolist() == [[False, False, True, True, True, False, False], [False] * 7]
    scarce = torch.tensor([[1, 1, 0, -1, -1, -1, -1]])
    assert hardest(entropy[:1], scarce, 3).tolist() == [[False, False, True, False, False, False, False]]


def test_codes_and_back() -> None:
    around = torch.tensor([[0.0, 0, 10, 20], [5, 5, 50, 30], [1, 1, 2, 2]])
    torch.testing.assert_close(decoded(encoded(BOXES, around), around), BOXES)
    moved = encoded(torch.tensor([[1.0, 0, 11, 20]]), around[:1])
    torch.testing.assert_close(moved, torch.tensor([[1.0, 0, 0, 0]]))


@pytest.mark.parametrize("targets", [torch.full((2, 3, 7), -1.0), torch.zeros(2, 0, 7)], ids=["padding", "no rows"])
def test_images_without_boxes(targets: Tensor) -> None:
    head = built()
    losses = head.losses(features_of(), SIZE, targets)
    assert {name: value.item() for name, value in losses.items()} == {"loss_classifier": 0, "loss_box_reg": 0}
    sum(losses.values(), torch.zeros(())).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_a_missing_stride_is_named() -> None:
    with pytest.raises(InputError, match=r"SSD needs maps of strides 8, 16, 32; the backbone has none of 32\. Build"):
        SSD(STAGES[:2], 2)


def test_an_unknown_style() -> None:
    with pytest.raises(InputError, match="style of SSD is 400; expected 300 or 512"):
        SSDConfig(style=400)  # type: ignore[arg-type]


def test_exported_candidates_are_the_same(tmp_path: Path) -> None:
    check_exported(built().eval(), lambda images: features_of(images=images), SIZE, tmp_path / "head.onnx")


def test_bf16_autocast() -> None:
    head, features = built(), features_of()
    with torch.autocast("cpu", torch.bfloat16):
        losses = head.losses(features, SIZE, torch.stack((target(BOXES, [0, 2, 1]), target(BOXES[:0], []))))
        candidates = head.eval()(features, SIZE)
    assert all(value.dtype == torch.float32 and bool(value.isfinite()) for value in losses.values())
    assert candidates.dtype == torch.float32
    assert bool(candidates.isfinite().all())


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = [conv_norm_act(conv(before, after, 3, stride=2)) for before, after in ((3, 8), (8, 8), (8, 8))]
        self.conv3 = nn.Sequential(*layers)
        self.conv4, self.conv5 = (conv_norm_act(conv(width, 2 * width, 3, stride=2)) for width in (8, 16))

    def forward(self, images: Tensor) -> Features:
        conv3 = self.conv3(images)
        conv4 = self.conv4(conv3)
        return {"conv3": conv3, "conv4": conv4, "conv5": self.conv5(conv4)}


def test_a_batch_is_learnt_by_heart() -> None:
    torch.manual_seed(0)
    boxes = torch.tensor([[8.0, 8, 56, 40], [64, 50, 112, 114]])
    images = torch.zeros(2, 3, 128, 128)
    images[0, 0, 8:40, 8:56] = images[0, 1, 50:114, 64:112] = images[1, 1, 8:40, 8:56] = 1
    targets = torch.stack((target(boxes, [0, 1]), target(boxes[:1], [1])))
    backbone, head = Tiny(), SSD(STAGES, 2)
    optimizer = torch.optim.AdamW([*backbone.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(100):
        loss = sum(head.losses(backbone(images), (128, 128), targets).values(), torch.zeros(()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    backbone.eval(), head.eval()
    with torch.inference_mode():
        found = suppressed(head(backbone(images), (128, 128)), iou=0.45, detections=4, least=0.5)
    assert (found[..., 4] > 0).sum(dim=1).tolist() == [2, 1]
    for image, wanted in zip(found, targets, strict=True):
        wanted = wanted[wanted[:, 0] >= 0]
        overlap, which = pairwise_iou(wanted[:, 1:5], image[:, :4]).max(dim=1)
        assert overlap.min() > 0.7
        assert image[which, 5].tolist() == wanted[:, 0].tolist()
