"""Images of coloured rectangles with their boxes, a backbone small enough to learn them, and the precision at 0.5."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_iou

from plusx.core.backbone import Backbone
from plusx.core.stage import Stage
from plusx.nn.conv import conv, conv_norm_act, named

COLOURS = ((2.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 2.0))


class FiveStrides(Backbone):
    """Two convolutions for each of the strides 2 to 32."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stages = tuple(Stage(f"conv{i}", width, 2**i) for i in range(1, 6))
        for i, stage in enumerate(self.stages):
            halved = conv_norm_act(conv(width if i else 3, width, 3, stride=2))
            self.add_module(stage.name, named(halved=halved, more=conv_norm_act(conv(width, width, 3))))


def rectangles(images: int, size: int, sides: Sequence[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (B, 3, size, size) and targets (B, len(sides), 7): rectangles apart, a colour a class.

    sides: of each image's, the largest first.
    """
    random = torch.Generator().manual_seed(seed)
    pictures = torch.randn(images, 3, size, size, generator=random) * 0.1
    targets = torch.zeros(images, len(sides), 7)
    for picture, rows in zip(pictures, targets, strict=True):
        free = torch.ones(size, size, dtype=torch.bool)
        for row, side in zip(rows, sides, strict=True):
            x, y = _place(free, side, random)
            free[max(0, y - 1) : y + side + 1, max(0, x - 1) : x + side + 1] = False
            label = int(torch.randint(len(COLOURS), (), generator=random))
            picture[:, y : y + side, x : x + side] += torch.tensor(COLOURS[label])[:, None, None]
            row[:] = torch.tensor([label, x, y, x + side, y + side, 0, side**2])
    return pictures, targets


def _place(free: Tensor, side: int, random: torch.Generator) -> tuple[int, int]:
    for _ in range(10_000):
        x, y = torch.randint(0, len(free) - side, (2,), generator=random).tolist()
        if free[y : y + side, x : x + side].all():
            return x, y
    raise AssertionError(f"no room for a rectangle of {side} pixels")


def mean_precision(detections: Tensor, targets: Tensor, classes: int, iou: float = 0.5) -> float:
    """Mean over classes of the area under precision over recall, precision made monotonous; the plain definition."""
    values = []
    for label in range(classes):
        found: list[tuple[float, bool]] = []
        count = 0
        for rows, boxes in zip(detections, targets, strict=True):
            mine = boxes[boxes[:, 0] == label, 1:5]
            count += len(mine)
            left = list(range(len(mine)))
            for row in rows[(rows[:, 5] == label) & (rows[:, 4] > 0)]:
                overlaps = box_iou(row[None, :4], mine)[0]
                best = max(left, key=lambda index: overlaps[index].item(), default=None)
                hit = best is not None and overlaps[best].item() >= iou
                if hit:
                    left.remove(best)  # type: ignore[arg-type]
                found.append((row[4].item(), hit))
        if count:
            values.append(_area(sorted(found, key=lambda pair: -pair[0]), count))
    return sum(values) / len(values)


def _area(found: list[tuple[float, bool]], count: int) -> float:
    hits = [sum(hit for _, hit in found[: i + 1]) for i in range(len(found))]
    precision = [hit / (i + 1) for i, hit in enumerate(hits)]
    return sum(max(precision[i:]) for i, (_, hit) in enumerate(found) if hit) / count
