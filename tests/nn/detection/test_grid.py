import torch

from plusx.nn.detection.grid import Grid


def grid() -> Grid:
    return Grid.of([torch.zeros(1, 1, 3, 4), torch.zeros(1, 1, 2, 2)], (8, 16))


def test_points_are_the_middles_of_cells_row_by_row() -> None:
    found = grid()
    assert found.points[:5].tolist() == [[4, 4], [12, 4], [20, 4], [28, 4], [4, 12]]
    assert found.points[12:].tolist() == [[8, 8], [24, 8], [8, 24], [24, 24]]
    assert found.strides.tolist() == [8] * 12 + [16] * 4


def test_inside() -> None:
    box = torch.tensor([[[0.0, 0.0, 15.0, 10.0]]])
    assert grid().inside(box)[0, 0].nonzero().flatten().tolist() == [0, 1, 12]


def test_a_point_on_the_edge_is_outside() -> None:
    box = torch.tensor([[[4.0, 0.0, 12.5, 8.0]]])
    assert grid().inside(box)[0, 0].nonzero().flatten().tolist() == [1]


def test_a_box_between_all_points_has_its_own_cell() -> None:
    boxes = torch.tensor([[[9.0, 9.0, 11.0, 10.0], [5.0, 5.0, 7.0, 7.0]]])
    assert [row.nonzero().flatten().tolist() for row in grid().inside(boxes)[0]] == [[5], [0]]


def test_boxes_at_the_edge_and_beyond_have_the_nearest_cell() -> None:
    boxes = torch.tensor([[[31.0, 23.0, 32.0, 24.0], [-9.0, 30.0, -8.0, 31.0], [40.0, -5.0, 41.0, -3.0]]])
    assert [row.nonzero().flatten().tolist() for row in grid().inside(boxes)[0]] == [[11], [8], [3]]
