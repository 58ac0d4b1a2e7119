"""Answers, losses and gradients equal Hugging Face's with the same weights; ignored boxes, small images, export."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from exported_heads import check_exported
from plusx.core.backbone import Features
from plusx.core.errors import InputError
from plusx.nn.detection import rt_detr
from plusx.nn.detection.best import best
from plusx.nn.detection.boxes import corners_from_centres
from plusx.nn.detection.deformable_attention import DeformableAttention, Memory
from plusx.nn.detection.deformable_decoder import Answers
from plusx.nn.detection.denoising import Noised, hidden, noised
from plusx.nn.detection.ground_truth import of_images
from plusx.nn.detection.matching import Objects, costs, matched
from plusx.nn.detection.query_selection import first_boxes
from plusx.nn.detection.rt_detr import RTDETR, RTDETRConfig
from rectangles import FiveStrides, mean_precision, rectangles
from rt_detr_reference import CLASSES, SIZE, STAGES, digest, filled, maps, stored, targets

SMALL: dict[str, Any] = {"channels": 16, "heads": 2, "hidden": 24, "depth": 2, "queries": 20, "denoising": 10}


def built(**changes: Any) -> RTDETR:
    torch.manual_seed(0)
    return RTDETR(STAGES, CLASSES, RTDETRConfig(**{**SMALL, **changes}))


def features_of(size: tuple[int, int] = SIZE, images: int = 2) -> Features:
    generator = torch.Generator().manual_seed(5)
    shapes = {one.name: (images, one.channels, -(-size[0] // one.stride), -(-size[1] // one.stride)) for one in STAGES}
    return {name: torch.randn(*shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize("depth", [1, 3])
def test_candidates_are_the_references(depth: int) -> None:
    expected = stored()
    with torch.inference_mode():
        found = filled(depth).eval()(maps(), SIZE)
    scores, boxes = expected[f"{depth}.logits"].sigmoid(), corners_from_centres(expected[f"{depth}.boxes"])
    boxes = boxes.clamp(0, 1) * torch.tensor([SIZE[1], SIZE[0]] * 2)
    best, place = scores.flatten(1).topk(20)
    torch.testing.assert_close(found[..., 4], best, atol=1e-5, rtol=0)
    for image in range(2):
        torch.testing.assert_close(found[image, :, :4], boxes[image, place[image] // CLASSES], atol=2e-3, rtol=0)
        assert torch.equal(found[image, :, 5], (place[image] % CLASSES).float())


@pytest.mark.parametrize("depth", [1, 3])
def test_losses_are_the_references(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = losses_with_stored_noise(filled(depth), depth, monkeypatch)
    assert list(losses) == ["classification", "l1", "giou", "denoising"]
    torch.testing.assert_close(torch.stack([*losses.values()]), stored()[f"{depth}.losses"], atol=0, rtol=1e-5)


def test_gradients_are_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one layer: behind it, boxes also train the layer before, which the reference leaves out."""
    head = filled(1)
    torch.stack([*losses_with_stored_noise(head, 1, monkeypatch).values()]).sum().backward()
    expected = stored()["1.gradients"]
    for number, (name, parameter) in enumerate(head.named_parameters()):
        assert parameter.grad is not None, name
        size = max(expected[number, 0].item(), 0.1)  # below are those that are 0 but for rounding
        difference = digest(parameter.grad, number) - expected[number]
        assert difference.abs().max() < 1e-4 * size, name


def losses_with_stored_noise(
    head: RTDETR, depth: int, monkeypatch: pytest.MonkeyPatch, rows: Tensor | None = None
) -> dict[str, Tensor]:
    noise = [stored()[f"{depth}.noisy_{name}"] for name in ("labels", "boxes")]
    monkeypatch.setattr(rt_detr, "noised", lambda *_: Noised(noise[0], noise[1], groups=3))
    return head.losses(maps(), SIZE, targets() if rows is None else rows)


@pytest.mark.parametrize("size", [(64, 96), (75, 101), (33, 40)])
def test_candidates_lie_in_the_image(size: tuple[int, int]) -> None:
    """The last has 35 tokens on its maps, of which 20 are taken; all sides but the first are no multiples of 32."""
    found = built().eval()(features_of(size), size)
    assert found.shape == (2, 20, 6)
    assert found[..., :2].min() >= 0
    assert (found[..., 2] <= size[1]).all()
    assert (found[..., 3] <= size[0]).all()
    assert (found[..., 2:4] >= found[..., :2]).all()
    assert (found[..., 4].diff(dim=1) <= 0).all()


def test_fewer_tokens_than_queries() -> None:
    size = (32, 40)  # 4 · 5 + 2 · 3 + 1 · 2
    head = built(queries=300)
    assert head.eval()(features_of(size), size).shape == (2, 28, 6)
    assert head.losses(features_of(size), size, targets())["l1"].isfinite()


def test_boxes_of_one_place_are_one_whatever_the_image_size() -> None:
    """Maps that reach over the image's edge lie on it at their strides: a coarse point is the middle of four."""
    memory = Memory.of([torch.zeros(1, 4, -(-50 // s), -(-70 // s)) for s in (8, 16, 32)], (8, 16, 32), (50, 70))
    boxes = first_boxes(memory)[0].sigmoid()[:, :2] * torch.tensor([70, 50])
    fine, coarse = boxes[: 7 * 9].view(7, 9, 2), boxes[7 * 9 : 7 * 9 + 4 * 5].view(4, 5, 2)
    torch.testing.assert_close(coarse[1, 2], fine[2:4, 4:6].mean(dim=(0, 1)))
    torch.testing.assert_close(fine[3, 4], torch.tensor([36.0, 28.0]))


def test_attention_reads_the_map_where_the_box_is() -> None:
    """With one point at the box's centre and the identity for all layers: the map's values, interpolated."""
    attention = DeformableAttention(2, 1, 1, 1)
    for layer in (attention.values, attention.output):
        nn.init.eye_(layer.weight)
    nn.init.zeros_(attention.offsets.bias)
    ramp = torch.stack(torch.meshgrid(torch.arange(8.0), torch.arange(12.0), indexing="ij"))[None]
    boxes = torch.tensor([[[0.5, 0.25, 0.1, 0.1], [0.125, 0.75, 0.1, 0.1]]])
    found = attention(torch.zeros(1, 2, 2), boxes, Memory.of([ramp], (8,), (64, 96)))
    torch.testing.assert_close(found, torch.tensor([[[1.5, 5.5], [5.5, 1.0]]]))


def test_the_assignment_is_the_cheapest() -> None:
    random = torch.Generator().manual_seed(0)
    answers = Answers(torch.randn(2, 6, 3, generator=random), torch.rand(2, 6, 4, generator=random) * 0.4 + 0.1)
    truths = of_images(targets())
    objects = Objects.of(truths, SIZE)
    cost, pairs = costs(answers, objects), matched(answers, objects)
    for image, count in enumerate(objects.counts):
        mine = pairs.images == image
        total = cost[image, pairs.queries[mine], pairs.objects[mine]].sum()
        sums = [cost[image, list(order), range(count)].sum() for order in permutations(range(6), count)]
        assert total.item() == pytest.approx(min(sums).item())
        assert sorted(pairs.objects[mine].tolist()) == list(range(count))


def test_noise_is_as_large_as_said() -> None:
    """Edges go by less than half a side, those of the other half by half a side to one. Groups see themselves."""
    torch.manual_seed(0)
    objects = Objects.of(of_images(targets()), (640, 960))
    noise = noised(objects, CLASSES, 300)
    assert noise.groups == 100
    shape = (2, 100, 2, 3, 4)
    there = objects.there[:, None, None].expand(shape[:-1])
    moved = corners_from_centres(noise.boxes).view(shape) - corners_from_centres(objects.boxes)[:, None, None]
    share = (
        (moved / objects.boxes[:, None, None, :, 2:].repeat(1, 1, 1, 1, 2)).abs().masked_fill(~there[..., None], 0.3)
    )
    assert share[:, :, 0].max() <= 0.5 + 1e-3
    inner = moved[:, :, 1] + corners_from_centres(objects.boxes)[:, None]
    inside = ((inner > 1e-4) & (inner < 1 - 1e-4)).all(dim=-1) & there[:, :, 1]  # others were cut at the image's edges
    inside &= (inner[..., 2:] - inner[..., :2] > 1e-4).all(dim=-1)  # or turned inside out
    assert share[:, :, 1][inside].min() >= 0.5 - 1e-3
    labels = noise.labels.view(shape[:-1])
    assert (labels[~there] == CLASSES).all()
    changed = (labels != objects.labels[:, None, None])[there].float().mean().item()
    assert changed == pytest.approx(0.25 * 2 / 3, abs=0.04)
    seen = ~hidden(noise, 20)
    assert seen[-20:, -20:].all()
    assert seen[:600, -20:].all()
    assert not seen[-20:, :600].any()
    assert (seen[:600, :600].sum(dim=1) == 6).all()


CROWD = torch.tensor([[[0.0, -9, -9, 200, 200, 1, 0]]]).expand(2, 1, 7)


def test_nothing_is_taught_in_ignored_boxes() -> None:
    losses = built().losses(features_of(), SIZE, CROWD)
    assert all(loss.item() == 0 for loss in losses.values())


def test_what_has_an_object_is_taught_in_ignored_boxes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.cat((targets(), CROWD), dim=1)
    alone, both = (losses_with_stored_noise(filled(1), 1, monkeypatch, asked) for asked in (targets(), rows))
    assert 0 < both["classification"] < alone["classification"]
    assert both["denoising"] < alone["denoising"]
    for name in ("l1", "giou"):
        torch.testing.assert_close(both[name], alone[name])


@pytest.mark.parametrize("rows", [torch.zeros(2, 0, 7), torch.full((2, 3, 7), -1.0)])
def test_without_objects_every_gradient_is_finite(rows: Tensor) -> None:
    head = built()
    losses = head.losses(features_of(), SIZE, rows)
    assert losses["classification"] > 0
    assert [losses[name].item() for name in ("l1", "giou", "denoising")] == [0, 0, 0]
    torch.stack([*losses.values()]).sum().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_broken_answers_give_a_loss_that_is_no_number() -> None:
    """The matching takes them, so that it is the trainer that says what happened."""
    features = features_of()
    features["a"][0] = torch.nan
    assert built().losses(features, SIZE, targets())["classification"].isnan()


def test_more_objects_than_queries() -> None:
    corners = torch.rand(2, 2000, 2, generator=torch.Generator().manual_seed(0)) * 40
    many = torch.zeros(2, 2000, 7)
    many[..., 1:3], many[..., 3:5] = corners, corners + 9
    many[1, 5:, 0] = -1
    losses = built().losses(features_of(), SIZE, many)
    assert torch.stack([*losses.values()]).isfinite().all()


def test_under_autocast_losses_are_in_32_bits_and_near() -> None:
    torch.manual_seed(0)
    exact = filled(1).losses(maps(), SIZE, targets())
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = filled(1).losses(maps(), SIZE, targets())
        candidates = filled(1).eval()(maps(), SIZE)
    assert candidates.dtype == torch.float32
    for name, loss in found.items():
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(exact[name].item(), rel=0.1)


@pytest.mark.parametrize("depth", [1, 2])
def test_every_parameter_has_a_gradient(depth: int) -> None:
    head = built(depth=depth)
    for tensor in head.parameters():
        nn.init.normal_(tensor, std=0.2)
    torch.stack([*head.losses(features_of(), SIZE, targets()).values()]).sum().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.slow
def test_two_layers_learn_a_batch_by_heart() -> None:
    torch.manual_seed(0)
    images, boxes = rectangles(2, 64, (30, 14))
    backbone = FiveStrides(16)
    config = RTDETRConfig(channels=32, heads=4, hidden=64, expansion=0.5, depth=2, queries=20, denoising=4)
    head = RTDETR(backbone.stages, 3, config)
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, 120)
    for _ in range(120):
        loss = torch.stack([*head.losses(backbone(images), (64, 64), boxes).values()]).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
    backbone.eval(), head.eval()
    with torch.no_grad():
        found = best(head(backbone(images), (64, 64)), detections=20, least=0.05)
    assert mean_precision(found, boxes, 3) == pytest.approx(1)
    assert mean_precision(found, boxes, 3, iou=0.75) > 0.9


@pytest.mark.parametrize("depth", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_exported_candidates_are_the_same(depth: int, tmp_path: Path) -> None:
    check_exported(filled(depth).eval(), lambda images: features_of(images=images), SIZE, tmp_path / "head.onnx")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"depth": 0}, "depth of RT-DETR is 0; expected 1 or more"),
        ({"channels": 18, "heads": 2}, "channels of RT-DETR is 18; expected a multiple of 4 and of 2 heads"),
        ({"expansion": 0.01}, r"expansion of RT-DETR is 0\.01; expected 0\.0625 or more"),
        ({"denoising": -1}, "denoising of RT-DETR is -1; expected 0 or more"),
    ],
)
def test_errors(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        built(**settings)


def test_a_missing_stride_is_named() -> None:
    with pytest.raises(InputError, match=r"needs maps of strides 8, 16, 32; the backbone has none of 32\. Build"):
        RTDETR(STAGES[:2], 2)
