import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from plusx.nn.detection.anchors import Anchors

SIZES, RATIOS = ((32, 64), (128, 200)), (0.5, 1.0, 2.0)


def test_anchors_are_torchvisions() -> None:
    grids = [(12, 16), (6, 8)]
    images = ImageList(torch.zeros(1, 3, 96, 128), [(96, 128)])
    maps = [torch.zeros(1, 1, *grid) for grid in grids]
    expected = AnchorGenerator(SIZES, (RATIOS,) * 2)(images, maps)[0]
    anchors = Anchors(SIZES, RATIOS)
    found = anchors(grids, [(8, 8), (16, 16)])
    assert torch.equal(torch.cat(found), expected)
    assert anchors.of_a_point == 6
    assert [len(level) for level in found] == [12 * 16 * 6, 6 * 8 * 6]


def test_steps_of_their_own_for_each_axis() -> None:
    (found,) = Anchors(((2,),), (1.0,))([(2, 2)], [(10, 100)])
    assert found.tolist() == [[-1, -1, 1, 1], [99, -1, 101, 1], [-1, 9, 1, 11], [99, 9, 101, 11]]


def test_no_anchor_is_stored() -> None:
    assert not Anchors(SIZES, RATIOS).state_dict()
