import torch

from plusx.core.batch import Batch


def batch(targets: torch.Tensor | None) -> Batch:
    images = torch.zeros(2, 3, 4, 5, dtype=torch.uint8)
    return Batch(images, targets, ("a", "b"), torch.tensor([7, 3]))


def test_a_batch_may_be_without_targets() -> None:
    moved = batch(None).to(torch.device("meta"))
    assert moved.targets is None
    assert (len(moved), moved.images.device.type, moved.names) == (2, "meta", ("a", "b"))


def test_images_take_the_memory_format_and_targets_the_device() -> None:
    moved = batch(torch.tensor([0, 1])).to(torch.device("meta"), torch.channels_last)
    assert moved.images.is_contiguous(memory_format=torch.channels_last)
    assert moved.targets is not None
    assert moved.targets.device.type == "meta"


def test_indices_stay_where_they_are() -> None:
    assert batch(None).to(torch.device("meta")).indices.tolist() == [7, 3]
