"""Candidates, detections and losses equal torchvision's with the same weights and draws; a batch is learnt by heart."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN as Reference
from torchvision.models.detection.faster_rcnn import AnchorGenerator, FastRCNNConvFCHead, RPNHead, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork, batched_nms
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from exported_heads import check_exported
from plusx.core.backbone import Features
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import conv, conv_norm_act
from plusx.nn.detection.boxes import pairwise_iou
from plusx.nn.detection.faster_rcnn import FasterRCNN, FasterRCNNConfig
from plusx.nn.detection.ground_truth import of_images
from plusx.nn.detection.nms import suppressed

STAGES = tuple(Stage(f"conv{i + 2}", 8 * 2**i, 4 * 2**i) for i in range(4))
SIZE = (96, 160)
SMALL = FasterRCNNConfig(channels=16, hidden=32, candidates=4000)
BOXES = torch.tensor([[5.0, 6, 60, 70], [80, 20, 150, 90], [30, 30, 50, 52]])


class Pyramid(nn.Module):
    out_channels = 16

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.fpn = FeaturePyramidNetwork([stage.channels for stage in STAGES], 16, LastLevelMaxPool(), norm)


def reference_of(head: FasterRCNN) -> Reference:
    """torchvision's own model on the same pyramid, with the head's weights."""
    config = head.config
    anchors = AnchorGenerator(config.sizes, (config.ratios,) * 5)
    parts: dict[str, Any] = {"rpn_anchor_generator": anchors, "rpn_head": RPNHead(16, 3, config.version)}
    norm = nn.BatchNorm2d if config.version == 2 else None
    box = FastRCNNConvFCHead((16, 7, 7), [16] * 4, [32], norm) if config.version == 2 else None
    box = box or TwoMLPHead(16 * 49, 32)
    predictor = type(head.roi_heads.box_predictor)(32, head.classes + 1)
    reference = Reference(Pyramid(norm), box_head=box, box_predictor=predictor, **parts)
    state = {("backbone." + key if key.startswith("fpn") else key): value for key, value in head.state_dict().items()}
    reference.load_state_dict(state, strict=True)
    return reference.train(head.training)


def built(version: Any, classes: int = 4, **changes: Any) -> FasterRCNN:
    """Weights far enough from 0 that scores and boxes differ."""
    torch.manual_seed(3)
    head = FasterRCNN(STAGES, classes, replace(SMALL, version=version, **changes))
    for name, tensor in head.named_parameters():
        if "rpn.head" in name and tensor.ndim == 4:
            nn.init.normal_(tensor, std=0.1)
        if "predictor" in name:
            nn.init.normal_(tensor, std=0.5)
    for name, buffer in head.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return head


def features_of(size: tuple[int, int] = SIZE, images: int = 2) -> Features:
    generator = torch.Generator().manual_seed(5)
    return {
        stage.name: torch.randn(
            images, stage.channels, -(-size[0] // stage.stride), -(-size[1] // stage.stride), generator=generator
        )
        for stage in STAGES
    }


def rows(boxes: Tensor, labels: list[int], ignored: float = 0) -> Tensor:
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    label = torch.tensor(labels, dtype=torch.float32)
    return torch.cat((label[:, None], boxes, torch.full_like(label, ignored)[:, None], area[:, None]), dim=1)


def batch(*images: Tensor) -> Tensor:
    """Filled up with label −1."""
    longest = max(map(len, images))
    padding = torch.tensor([-1.0, 0, 0, 0, 0, 0, 0])
    return torch.stack([torch.cat((image, padding.expand(longest - len(image), 7))) for image in images])


def pyramid(reference: Reference, features: Features) -> dict[str, Tensor]:
    return reference.get_submodule("backbone.fpn")({str(i): features[stage.name] for i, stage in enumerate(STAGES)})


@pytest.mark.parametrize("version", [1, 2])
def test_detections_are_torchvisions(version: int) -> None:
    head = built(version).eval()
    reference, features = reference_of(head), features_of()
    with torch.inference_mode():
        maps = pyramid(reference, features)
        images = ImageList(torch.zeros(2, 3, *SIZE), [SIZE] * 2)
        boxes, _ = reference.rpn(images, maps)
        expected, _ = reference.roi_heads(maps, boxes, [SIZE] * 2)
        found = head(features, SIZE)
    assert found.shape[0] == 2
    assert bool((found[:, 1:, 4] <= found[:, :-1, 4]).all())
    ours = suppressed(found, iou=0.5, detections=100, least=0.05)
    for candidates, detections, wanted in zip(found, ours, expected, strict=True):
        candidates = candidates[candidates[:, 4] > 0.05]
        kept = candidates[batched_nms(candidates[:, :4], candidates[:, 4], candidates[:, 5], 0.5)[:100]]
        assert len(kept) > 20
        torch.testing.assert_close(kept[:, :4], wanted["boxes"], atol=1e-3, rtol=1e-5)
        torch.testing.assert_close(kept[:, 4], wanted["scores"], atol=1e-5, rtol=1e-5)
        assert (kept[:, 5].long() + 1).tolist() == wanted["labels"].tolist()
        near = torch.cdist(kept, detections, p=torch.inf).amin(dim=1) < 1e-3
        assert near.float().mean() >= 0.95  # which boxes overlap by 0.5 is decided there in 32nds of a pixel


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("empty", [False, True], ids=["boxes", "one image without"])
def test_losses_and_gradients_are_torchvisions(version: int, empty: bool) -> None:
    head = built(version)
    reference, features = reference_of(head), features_of()
    second = rows(BOXES[:0], []) if empty else rows(BOXES[2:] + 7, [3])
    targets = batch(rows(BOXES, [0, 2, 1]), second)
    asked = [{"boxes": t[t[:, 0] >= 0, 1:5], "labels": t[t[:, 0] >= 0, 0].long() + 1} for t in targets]
    maps = pyramid(reference, features)
    torch.manual_seed(11)
    boxes, first = reference.rpn(ImageList(torch.zeros(2, 3, *SIZE), [SIZE] * 2), maps, asked)
    _, second_losses = reference.roi_heads(maps, boxes, [SIZE] * 2, asked)
    expected = {**first, **second_losses}
    torch.manual_seed(11)
    found = head.losses(features, SIZE, targets)
    assert set(found) == {"loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg"}
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    sum(found.values(), torch.zeros(())).backward()
    sum(expected.values(), torch.zeros(())).backward()
    theirs = dict(reference.named_parameters())
    for name, parameter in head.named_parameters():
        gradient = theirs["backbone." + name if name.startswith("fpn") else name].grad
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-5, rtol=1e-4, msg=name)


def test_images_without_boxes() -> None:
    head, features = built(1), features_of()
    torch.manual_seed(0)
    padded = head.losses(features, SIZE, torch.full((2, 3, 7), -1.0))
    torch.manual_seed(0)
    none = head.losses(features, SIZE, torch.zeros(2, 0, 7))
    torch.testing.assert_close(padded, none)
    assert none["loss_box_reg"].item() == none["loss_rpn_box_reg"].item() == 0
    assert none["loss_classifier"].item() > 0


def test_nothing_is_pushed_towards_background_in_ignored_boxes() -> None:
    head, features = built(1), features_of(images=1)
    crowd = rows(torch.tensor([[-600.0, -600, 800, 800]]), [1], ignored=1)
    losses = head.losses(features, SIZE, batch(crowd))
    assert all(value.item() == 0 for value in losses.values())
    sum(losses.values(), torch.zeros(())).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_what_lies_in_an_ignored_box_has_no_gradient() -> None:
    head = built(1)
    features = {name: value.requires_grad_() for name, value in features_of((128, 128), images=1).items()}
    crowd = rows(torch.tensor([[0.0, 0, 128, 64]]), [1], ignored=1)
    maps = head._pyramid(features)
    objectness, deltas, anchors = head._anchored(maps, (128, 128))
    objectness.retain_grad()
    truth = of_images(batch(crowd))
    asked = [{"boxes": one.corners, "labels": one.labels + 1} for one in truth]
    head.rpn.fg_bg_sampler.batch_size_per_image = objectness.shape[1]
    head._proposal_losses(objectness, deltas, torch.cat(anchors), truth, asked)["loss_objectness"].backward()
    boxes = torch.cat(anchors)
    inside = (boxes[:, 0] >= 0) & (boxes[:, 2] <= 128) & (boxes[:, 1] >= 0) & (boxes[:, 3] < 64)
    outside = boxes[:, 1] >= 64
    assert objectness.grad is not None
    assert inside.any()
    assert bool((objectness.grad[0, inside] == 0).all())
    assert bool((objectness.grad[0, outside] > 0).all())


def test_sizes_that_strides_do_not_divide() -> None:
    size = (75, 101)
    candidates = built(1).eval()(features_of(size), size)
    assert candidates.shape[2] == 6
    assert candidates[..., 0:4:2].max().item() <= 101
    assert candidates[..., 1:4:2].max().item() <= 75


def test_a_missing_stride_is_named() -> None:
    with pytest.raises(InputError, match=r"needs maps of strides 4, 8, 16, 32; the backbone has none of 32\. Build"):
        FasterRCNN(STAGES[:3], 2)


def test_an_unknown_version() -> None:
    with pytest.raises(InputError, match="version of Faster R-CNN is 3; expected 1 or 2"):
        FasterRCNNConfig(version=3)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:.create_unbacked_symint. is deprecated:FutureWarning")  # torchvision's nms
@pytest.mark.parametrize("version", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_exported_candidates_are_the_same(version: int, tmp_path: Path) -> None:
    head = built(version, candidates=500, before=(300, 300), after=(200, 200)).eval()
    check_exported(head, lambda images: features_of(images=images), SIZE, tmp_path / "head.onnx")


def test_bf16_autocast() -> None:
    head, features = built(2), features_of()
    with torch.autocast("cpu", torch.bfloat16):
        losses = head.losses(features, SIZE, batch(rows(BOXES, [0, 2, 1]), rows(BOXES[:0], [])))
        candidates = head.eval()(features, SIZE)
    assert all(value.dtype == torch.float32 and bool(value.isfinite()) for value in losses.values())
    assert candidates.dtype == torch.float32
    assert bool(candidates.isfinite().all())


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(conv_norm_act(conv(3, 8, 3, stride=2)), conv_norm_act(conv(8, 8, 3, stride=2)))
        for stage in STAGES[1:]:
            self.add_module(stage.name, conv_norm_act(conv(stage.channels // 2, stage.channels, 3, stride=2)))

    def forward(self, images: Tensor) -> Features:
        features = {"conv2": self.conv1(images)}
        for before, stage in pairwise(STAGES):
            features[stage.name] = self.get_submodule(stage.name)(features[before.name])
        return features


def test_a_batch_is_learnt_by_heart() -> None:
    torch.manual_seed(0)
    boxes = torch.tensor([[8.0, 8, 56, 40], [64, 50, 112, 114]])
    images = torch.zeros(2, 3, 128, 128)
    images[0, 0, 8:40, 8:56] = images[0, 1, 50:114, 64:112] = images[1, 1, 8:40, 8:56] = 1
    targets = batch(rows(boxes, [0, 1]), rows(boxes[:1], [1]))
    backbone, head = Tiny(), FasterRCNN(STAGES, 2, FasterRCNNConfig(channels=32, hidden=64, after=(200, 100)))
    optimizer = torch.optim.AdamW([*backbone.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(50):
        loss = sum(head.losses(backbone(images), (128, 128), targets).values(), torch.zeros(()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    backbone.eval(), head.eval()
    with torch.inference_mode():
        found = suppressed(head(backbone(images), (128, 128)), iou=0.5, detections=4, least=0.5)
    assert (found[..., 4] > 0).sum(dim=1).tolist() == [2, 1]
    for image, wanted in zip(found, targets, strict=True):
        wanted = wanted[wanted[:, 0] >= 0]
        overlap, which = pairwise_iou(wanted[:, 1:5], image[:, :4]).max(dim=1)
        assert overlap.min() > 0.7
        assert image[which, 5].tolist() == wanted[:, 0].tolist()
