import pytest
import torch
from torch import Tensor

from plusx.nn.detection import task_aligned
from plusx.nn.detection.grid import Grid
from plusx.nn.detection.task_aligned import Alignment, Assigned, assign

SIZE = 64


def grid() -> Grid:
    return Grid.of([torch.zeros(1, 1, SIZE // stride, SIZE // stride) for stride in (8, 16, 32)], (8, 16, 32))


def overlap(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union


def candidates_of(box: list[float], points: list[list[float]]) -> list[int]:
    """Points inside, and the first level's point that is nearest to the centre."""
    inside = {p for p, (x, y) in enumerate(points) if box[0] < x < box[2] and box[1] < y < box[3]}
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    finest = range((SIZE // 8) ** 2)
    return sorted(inside | {min(finest, key=lambda p: (points[p][0] - cx) ** 2 + (points[p][1] - cy) ** 2)})


def slow(scores: Tensor, boxes: Tensor, targets: Tensor, alignment: Alignment) -> Assigned:
    """The paper's section 3.2, one image, box and point after the other."""
    points: list[list[float]] = grid().points.tolist()
    B, P = scores.shape[:2]
    rows, shares, quality = torch.full((B, P), -1), torch.zeros(B, P), torch.zeros(B, P)
    background = torch.ones(B, P, dtype=torch.bool)
    for image in range(B):
        t: dict[tuple[int, int], float] = {}
        u: dict[tuple[int, int], float] = {}
        for row, (label, *corners, ignored, _) in enumerate(targets[image].tolist()):
            if label < 0:
                continue
            found = candidates_of(corners, points)
            if ignored:
                background[image, found] = False
                continue
            aligned = {}
            for p in found:
                u[row, p] = overlap(corners, boxes[image, p].tolist())
                aligned[p] = scores[image, p, int(label)].item() ** alignment.alpha * u[row, p] ** alignment.beta
            for p in sorted(aligned, key=lambda p: -aligned[p])[: alignment.m]:
                t[row, p] = aligned[p]
        for p in range(P):
            wanted = [row for row in range(targets.shape[1]) if (row, p) in t]
            if wanted:
                rows[image, p] = max(wanted, key=lambda row: u[row, p])
        for row in set(rows[image].tolist()) - {-1}:
            mine = (rows[image] == row).nonzero().flatten().tolist()
            largest = max(u[row, p] for p in mine)
            best = max(t[row, p] for p in mine)
            for p in mine:
                shares[image, p] = t[row, p] / best if best else 1.0
                quality[image, p] = shares[image, p] * largest
    return Assigned(rows, shares, quality, background & (rows < 0))


def random_case(seed: int, M: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    """Scores and predicted boxes around their points; boxes of all sizes; padding and ignored ones in between."""
    torch.manual_seed(seed)
    points = grid().points
    scores = torch.rand(3, len(points), 4)
    boxes = torch.cat((points - 1 - 30 * torch.rand(3, len(points), 2), points + 1 + 30 * torch.rand(3, 84, 2)), dim=2)
    upper_left = torch.rand(3, M, 2) * 56
    corners = torch.cat((upper_left, upper_left + 1 + torch.rand(3, M, 2) ** 2 * 50), dim=2)
    labels = torch.randint(-1, 4, (3, M, 1)).float()
    ignored = (torch.rand(3, M, 1) < 0.2).float()
    return scores, boxes, torch.cat((labels, corners, ignored, torch.ones(3, M, 1)), dim=2)


def compare(found: Assigned, expected: Assigned) -> None:
    assert found.rows.tolist() == expected.rows.tolist()
    assert found.background.tolist() == expected.background.tolist()
    torch.testing.assert_close(found.shares, expected.shares, atol=1e-6, rtol=1e-3)
    torch.testing.assert_close(found.quality, expected.quality, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("alignment", [Alignment(), Alignment(m=3, alpha=0.5, beta=2.0)], ids=str)
def test_as_one_box_after_the_other(seed: int, alignment: Alignment) -> None:
    scores, boxes, targets = random_case(seed)
    expected = slow(scores, boxes, targets, alignment)
    assert (expected.rows >= 0).any()
    compare(assign(scores, boxes, grid(), targets, alignment), expected)


def test_in_parts_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, boxes, targets = random_case(0, M=20)
    at_once = assign(scores, boxes, grid(), targets, Alignment())
    monkeypatch.setattr(task_aligned, "CELLS", 3 * 84 * 4)
    compare(assign(scores, boxes, grid(), targets, Alignment()), at_once)


@pytest.mark.parametrize("M", [0, 3])
def test_no_boxes_all_background(M: int) -> None:
    scores, boxes, _ = random_case(0)
    found = assign(scores, boxes, grid(), torch.full((3, M, 7), -1.0), Alignment())
    assert found.background.all()
    assert (found.rows == -1).all()
    assert (found.quality == 0).all()


def one(*corners: float, label: float = 0, ignored: float = 0) -> Tensor:
    return torch.tensor([[[label, *corners, ignored, 1.0]]])


def test_a_box_that_nothing_overlaps_has_a_positive_all_the_same() -> None:
    """Smaller than a cell, between all points, and all predictions elsewhere."""
    boxes = torch.tensor([60.0, 60.0, 64.0, 64.0]).expand(1, 84, 4)
    found = assign(torch.full((1, 84, 1), 0.01), boxes, grid(), one(9, 9, 11, 10), Alignment())
    assert found.rows[0].nonzero(as_tuple=True)[0].numel() == 83
    assert found.rows[0, 9] == 0
    assert found.shares[0, 9] == 1
    assert found.quality[0, 9] == 0


def test_tiny_overlaps_are_not_lost() -> None:
    """u = 10⁻⁵: u⁶ is 10⁻³⁰, and still the largest."""
    scores, boxes = torch.full((1, 84, 1), 0.01), torch.tensor([0.0, 0.0, 63.0, 63.0]).expand(1, 84, 4).clone()
    found = assign(scores, boxes, grid(), one(9, 9, 9.2, 9.2), Alignment())
    assert found.shares[0, 9] == 1
    assert found.quality[0, 9] == pytest.approx(0.04 / 63**2, rel=1e-4)


def test_in_bfloat16_as_in_32_bits() -> None:
    scores, boxes, targets = random_case(1)
    scores, boxes = scores.bfloat16(), boxes.bfloat16()
    expected = assign(scores.float(), boxes.float(), grid(), targets, Alignment())
    compare(assign(scores, boxes, grid(), targets, Alignment()), expected)


def test_equal_boxes_the_first_has_the_points() -> None:
    scores, boxes, _ = random_case(2)
    targets = one(10, 10, 50, 50).repeat(3, 2, 1)
    found = assign(scores, boxes, grid(), targets, Alignment())
    assert found.rows.unique().tolist() == [-1, 0]


def test_five_thousand_boxes() -> None:
    """Grid of an image of 640 pixels: 42 million pairs. All at once would be over a gigabyte for the IoU alone."""
    strides = (8, 16, 32)
    large = Grid.of([torch.zeros(1, 1, 640 // stride, 640 // stride) for stride in strides], strides)
    torch.manual_seed(0)
    P = len(large.points)
    upper_left = torch.rand(2, 5000, 2) * 620
    targets = torch.cat((torch.zeros(2, 5000, 1), upper_left, upper_left + 10, torch.zeros(2, 5000, 2)), dim=2)
    targets[1, 3:, 0] = -1
    boxes = torch.cat((large.points - 8, large.points + 8), dim=1).expand(2, P, 4)
    found = assign(torch.full((2, P, 1), 0.01), boxes, large, targets, Alignment())
    assert found.rows[0].max() > 4900
    assert found.rows[1].max() == 2
