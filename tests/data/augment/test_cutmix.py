import numpy as np
import pytest
import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.cutmix import CutMix, draw_box


def _batch(count: int) -> Batch:
    """Image i is i everywhere, and so is its class."""
    images = torch.arange(count, dtype=torch.float32)[:, None, None, None].expand(count, 3, 12, 20).contiguous()
    return Batch(images, torch.arange(count), tuple(map(str, range(count))), torch.arange(count))


def test_targets_are_the_parts_of_the_area() -> None:
    for seed in range(20):
        mixed = CutMix("label", classes=6).apply(_batch(6), torch.Generator().manual_seed(seed))
        assert mixed.targets is not None
        for image, target in zip(mixed.images, mixed.targets, strict=True):
            shown = torch.bincount(image[0].flatten().long(), minlength=6) / image[0].numel()
            torch.testing.assert_close(target, shown.float())


def test_what_is_pasted_is_one_box_in_all_images_and_channels() -> None:
    batch = _batch(6)
    mixed = CutMix("label", classes=6).apply(batch, torch.Generator().manual_seed(4))
    changed = mixed.images != batch.images
    box = changed.any(0).any(0)
    rows, columns = box.any(1).nonzero().flatten(), box.any(0).nonzero().flatten()
    assert box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    for one in changed:
        assert not one.any() or torch.equal(one, box.expand_as(one))
    assert torch.equal(batch.images, _batch(6).images)


def test_several_labels_are_mixed_by_area() -> None:
    batch = Batch(_batch(2).images, torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), ("a", "b"), torch.arange(2))
    mixed = CutMix("labels", classes=3).apply(batch, torch.Generator().manual_seed(0))
    assert mixed.targets is not None
    torch.testing.assert_close(mixed.targets[:, 2], torch.ones(2))
    torch.testing.assert_close(mixed.targets[:, 0] + mixed.targets[:, 1], torch.ones(2))


def test_boxes_follow_the_published_rule() -> None:
    """Against the slow way: the box as a set of pixels around the centre, without clipping arithmetic."""
    for seed in range(200):
        y1, y2, x1, x2 = draw_box(30, 50, 1.0, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        lam = rng.beta(1.0, 1.0)
        y, x = rng.integers(30), rng.integers(50)
        h, w = int(30 * np.sqrt(1 - lam)) // 2, int(50 * np.sqrt(1 - lam)) // 2
        inside = {(r, c) for r in range(30) for c in range(50) if -h <= r - y < h and -w <= c - x < w}
        assert inside == {(r, c) for r in range(y1, y2) for c in range(x1, x2)}


def test_values_are_refused() -> None:
    with pytest.raises(InputError, match=r"has no meaning for values\. Use mixup or neither"):
        CutMix("value", classes=1)


def test_alpha_must_be_positive() -> None:
    with pytest.raises(InputError, match="CutMix alpha -1 must be positive"):
        CutMix("label", classes=4, alpha=-1)
