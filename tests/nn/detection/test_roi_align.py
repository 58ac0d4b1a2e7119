import torch
from torchvision.ops import MultiScaleRoIAlign

from plusx.nn.detection.roi_align import PyramidAlign, levels_of

STRIDES = (4, 8, 16, 32)
SIZE = (256, 320)


def test_cuts_are_torchvisions() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 3, SIZE[0] // s, SIZE[1] // s, generator=generator) for s in STRIDES]
    corner, extent = (torch.rand(2, 40, 2, generator=generator) for _ in range(2))
    boxes = torch.cat((corner * 200, corner * 200 + extent.square() * 300), dim=-1)
    named = {str(level): one for level, one in enumerate(maps)}
    expected = MultiScaleRoIAlign(list(named), 7, 2)(named, list(boxes), [SIZE] * 2)
    image = torch.arange(2.0).view(2, 1, 1).expand(2, 40, 1)
    numbered = torch.cat((image, boxes), dim=-1).reshape(-1, 5)
    cut, rows = PyramidAlign()(maps, STRIDES, numbered)
    assert sorted(rows.tolist()) == list(range(80))
    torch.testing.assert_close(cut, expected[rows], rtol=0, atol=0)
    there = torch.arange(80) % 3 > 0
    some, rows = PyramidAlign()(maps, STRIDES, numbered, there)
    assert sorted(rows.tolist()) == torch.where(there)[0].tolist()
    torch.testing.assert_close(some, expected[rows], rtol=0, atol=0)


def test_equation_1() -> None:
    sides = torch.tensor([1.0, 111, 112, 223, 224, 447, 448, 5000, 0])
    boxes = torch.stack((sides * 0, sides * 0, sides, sides), dim=-1)
    assert levels_of(boxes, STRIDES).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 0]
    assert levels_of(boxes, (16, 32)).tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0]


def test_no_boxes() -> None:
    maps = [torch.randn(1, 3, 64 // s, 64 // s) for s in STRIDES]
    assert PyramidAlign()(maps, STRIDES, torch.zeros(0, 5))[0].shape == (0, 3, 7, 7)
