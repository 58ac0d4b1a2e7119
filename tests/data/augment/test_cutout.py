import pytest
import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.cutout import Cutout


def _batch(count: int) -> Batch:
    images = torch.ones(count, 3, 32, 40)
    return Batch(images, torch.arange(count), tuple(map(str, range(count))), torch.arange(count))


def test_each_image_loses_a_square_that_the_border_may_cut() -> None:
    batch = _batch(200)
    done = Cutout().apply(batch, torch.Generator().manual_seed(0))
    lost = done.images == 0
    assert torch.equal(lost.any(1), lost.all(1))
    shapes = set()
    for mask in lost.any(1):
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        shapes.add((len(rows), len(columns)))
    assert (16, 16) in shapes
    assert {8} <= {height for height, _ in shapes} <= set(range(8, 17))
    assert bool((batch.images == 1).all())
    assert done.targets is batch.targets


def test_the_side_is_a_part_of_the_image() -> None:
    with pytest.raises(InputError, match="Cutout of_side 16 must be a part of the image's side"):
        Cutout(16)
