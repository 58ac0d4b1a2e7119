import math

import pytest
import torch

from plusx.nn.detection.default_boxes import default_boxes, shapes


def test_the_papers_shapes() -> None:
    first, second = (torch.tensor(sides) for sides in shapes((0.2, 0.5, 1.05), ((2,), ())))
    root = math.sqrt(2)
    expected = [(0.2, 0.2), (math.sqrt(0.1),) * 2, (0.2 * root, 0.2 / root), (0.2 / root, 0.2 * root)]
    torch.testing.assert_close(first, torch.tensor(expected))
    torch.testing.assert_close(second, torch.tensor([(0.5, 0.5), (math.sqrt(0.525),) * 2]))


def test_no_box_is_larger_than_the_image() -> None:
    assert shapes((0.9, 1.05), ((2,),))[0][2] == pytest.approx((1.0, 0.9 / math.sqrt(2)))


def test_around_the_centres_of_cells() -> None:
    found = default_boxes([[(0.5, 0.25)], [(1.0, 1.0)]], [(1, 2), (1, 1)], (40, 80), torch.device("cpu"))
    assert found.tolist() == [[0, 15, 40, 25], [40, 15, 80, 25], [0, 0, 80, 40]]
