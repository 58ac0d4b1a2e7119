import torch

from plusx.nn.detection.ground_truth import judged, of_images

TARGETS = torch.tensor(
    [
        [[2.0, 0, 0, 10, 10, 0, 100], [1, 5, 5, 9, 9, 1, 16], [-1, 0, 0, 0, 0, 0, 0]],
        [[-1.0, 0, 0, 0, 0, 0, 0], [-1, 0, 0, 0, 0, 1, 0], [0, 1, 2, 3, 4, 0, 4]],
    ]
)


def test_padding_goes_and_ignored_boxes_stand_apart() -> None:
    first, second = of_images(TARGETS)
    assert first.corners.tolist() == [[0, 0, 10, 10]]
    assert first.labels.tolist() == [2]
    assert first.ignored.tolist() == [[5, 5, 9, 9]]
    assert second.corners.tolist() == [[1, 2, 3, 4]]
    assert second.labels.tolist() == [0]
    assert second.ignored.shape == (0, 4)


def test_no_rows() -> None:
    (truth,) = of_images(torch.zeros(1, 0, 7))
    assert (truth.corners.shape, truth.labels.shape, truth.ignored.shape) == ((0, 4), (0,), (0, 4))


def test_more_than_half_of_a_box_in_one_ignored_box() -> None:
    rows = [[0.0, 0, 0, 10, 10, 1, 100], [0, 10, 0, 20, 10, 1, 100]]
    (truth,) = of_images(torch.tensor([rows]))
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 10, 20], [0, 0, 10, 19], [5, 0, 15, 10], [30, 30, 40, 40]])
    assert judged(boxes, truth).tolist() == [False, True, False, True, True]
    (none,) = of_images(torch.zeros(1, 0, 7))
    assert judged(boxes, none).all()
