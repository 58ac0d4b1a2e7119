from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision import ops

from plusx.nn.detection import boxes as B

Aligned = Callable[[Tensor, Tensor], Tensor]


def random_boxes(n: int, seed: int) -> Tensor:
    corners = torch.rand(n, 2, 2, generator=torch.Generator().manual_seed(seed)) * 100
    return torch.cat((corners.amin(1), corners.amax(1) + 1), dim=1)


def test_areas_and_pairwise_iou_are_torchvisions() -> None:
    a, b = random_boxes(40, 0), random_boxes(30, 1)
    torch.testing.assert_close(B.areas(a), ops.box_area(a))
    torch.testing.assert_close(B.pairwise_iou(a, b), ops.box_iou(a, b))


@pytest.mark.parametrize(
    ("own", "reference"),
    [(B.giou, ops.generalized_box_iou_loss), (B.ciou, ops.complete_box_iou_loss)],
)
def test_generalised_and_complete_iou_and_their_gradients_are_torchvisions(own: Aligned, reference: Aligned) -> None:
    a, b = random_boxes(60, 0), random_boxes(60, 1)
    mine, theirs = a.clone().requires_grad_(), a.clone().requires_grad_()
    values, losses = own(mine, b), reference(theirs, b)
    torch.testing.assert_close(1 - values, losses)
    values.sum().backward()
    (-losses.sum()).backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


@pytest.mark.parametrize("measure", [B.iou, B.giou, B.ciou])
def test_equal_boxes_have_one(measure: Aligned) -> None:
    a = random_boxes(20, 2)
    torch.testing.assert_close(measure(a, a.clone()), torch.ones(20))


def test_boxes_that_do_not_touch() -> None:
    a, b = torch.tensor([0.0, 0, 1, 1]), torch.tensor([3.0, 0, 4, 1])
    assert B.iou(a, b) == 0
    assert B.giou(a, b) == pytest.approx(-0.5)  # hull 4, union 2
    assert B.ciou(a, b) == pytest.approx(-9 / 17)


@pytest.mark.parametrize("measure", [B.iou, B.giou, B.ciou])
def test_degenerate_boxes_have_finite_values_and_gradients(measure: Aligned) -> None:
    good = [2.0, 2, 5, 7]
    strange = [[3.0, 3, 3, 3], [0, 0, 0, 5], [0, 0, 5, 0], [5, 5, 2, 2], [1, 1, 1e6, 1 + 1e-6], good]
    a = torch.tensor(strange, requires_grad=True)
    for b in (torch.tensor(good).expand(6, 4), torch.tensor(strange)):
        value = measure(a, b)
        a.grad = None
        value.sum().backward()
        assert value.isfinite().all()
        assert a.grad is not None
        assert a.grad.isfinite().all()


def test_pairs_broadcast_over_images() -> None:
    a, b = random_boxes(12, 3).view(3, 4, 4), random_boxes(15, 4).view(3, 5, 4)
    expected = torch.stack([ops.box_iou(x, y) for x, y in zip(a, b, strict=True)])
    torch.testing.assert_close(B.pairwise_iou(a, b), expected)
    assert B.pairwise_iou(a, torch.empty(3, 0, 4)).shape == (3, 4, 0)


@pytest.mark.parametrize("measure", [B.iou, B.giou, B.ciou, B.pairwise_iou])
def test_half_precision_is_counted_in_32_bits(measure: Aligned) -> None:
    a, b = torch.tensor([[0.0, 0, 800, 800]]).half(), torch.tensor([[400.0, 0, 1200, 800]]).half()
    assert measure(a, b).dtype == torch.float32
    torch.testing.assert_close(measure(a, b), measure(a.float(), b.float()))


def test_centres_and_corners() -> None:
    a = random_boxes(10, 5)
    torch.testing.assert_close(B.centres_from_corners(a), ops.box_convert(a, "xyxy", "cxcywh"))
    torch.testing.assert_close(B.corners_from_centres(B.centres_from_corners(a)), a)


def test_distances_and_corners() -> None:
    point, box = torch.tensor([3.0, 4]), torch.tensor([1.0, 1, 9, 5])
    assert B.distances_from_corners(point, box).tolist() == [2, 3, 6, 1]
    assert B.corners_from_distances(point, torch.tensor([2.0, 3, 6, 1])).tolist() == box.tolist()
    assert B.distances_from_corners(torch.tensor([0.0, 4]), box)[0] == -1


def test_clipping_is_torchvisions() -> None:
    a = random_boxes(20, 6) * 2 - 60
    torch.testing.assert_close(B.clipped(a, (50, 70)), ops.clip_boxes_to_image(a, (50, 70)))


class Everything(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        points = a[..., :2] + 1
        again = B.corners_from_distances(points, B.distances_from_corners(points, a))
        return (
            B.pairwise_iou(a, b),
            B.giou(a, a + 3),
            B.ciou(a, a + 3),
            B.clipped(B.corners_from_centres(B.centres_from_corners(again)), (60, 80)),
        )


def test_all_of_it_exports_with_a_dynamic_batch() -> None:
    def stack(n: int) -> tuple[Tensor, Tensor]:
        return random_boxes(4 * n, n).view(n, 4, 4), random_boxes(5 * n, n + 1).view(n, 5, 4)

    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(Everything(), stack(2), dynamic_shapes=({0: batch}, {0: batch}))
    for n in (1, 2, 5):
        for exported, eager in zip(program.module()(*stack(n)), Everything()(*stack(n)), strict=True):
            torch.testing.assert_close(exported, eager)
