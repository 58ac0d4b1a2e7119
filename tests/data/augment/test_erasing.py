import numpy as np
import pytest
import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.erasing import RandomErasing


def _batch(count: int, height: int = 24, width: int = 32) -> Batch:
    images = torch.full((count, 3, height, width), 9.0)
    return Batch(images, torch.arange(count), tuple(map(str, range(count))), torch.arange(count))


def test_each_image_loses_one_rectangle_of_its_own() -> None:
    batch = _batch(40)
    erased = RandomErasing(probability=1.0).apply(batch, torch.Generator().manual_seed(0))
    changed = erased.images != 9
    assert torch.equal(changed.any(1), changed.all(1))
    rectangles = set()
    for mask in changed.any(1):
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        rectangles.add((int(rows[0]), int(columns[0]), len(rows), len(columns)))
    assert len(rectangles) > 30
    assert torch.equal(batch.images, _batch(40).images)
    assert erased.targets is batch.targets


def test_the_noise_is_normal() -> None:
    erased = RandomErasing(probability=1.0, area=(0.4, 0.4)).apply(_batch(60), torch.Generator().manual_seed(0))
    noise = erased.images[erased.images != 9]
    assert float(noise.mean()) == pytest.approx(0, abs=0.03)
    assert float(noise.std()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_how_many_images_are_changed(probability: float) -> None:
    erased = RandomErasing(probability).apply(_batch(800, 8, 8), torch.Generator().manual_seed(0))
    changed = (erased.images != 9).flatten(1).any(1).float().mean()
    assert float(changed) == pytest.approx(probability, abs=0.05)


def test_rectangles_have_the_published_distribution() -> None:
    erasing = RandomErasing()
    rng = np.random.default_rng(0)
    drawn = np.array([erasing.draw_rectangle(200, 300, rng) for _ in range(3000)])
    area, ratio = drawn[:, 2] * drawn[:, 3] / 60_000, drawn[:, 2] / drawn[:, 3]
    assert (area > 0.018).all()
    assert (area < 0.41).all()
    assert (ratio > 0.27).all()
    assert (ratio < 3.6).all()
    small = area[area < 0.1]  # always fits
    assert small.mean() == pytest.approx(0.06, abs=0.003)
    assert (drawn[:, 0] + drawn[:, 2] <= 200).all()
    assert (drawn[:, 1] + drawn[:, 3] <= 300).all()


def test_an_image_no_rectangle_fits_into_stays() -> None:
    batch = _batch(2, height=1, width=40)
    erased = RandomErasing(probability=1.0, area=(0.9, 0.9), ratio=(1.0, 1.0)).apply(batch, torch.Generator())
    torch.testing.assert_close(erased.images, batch.images)


def test_settings_that_make_no_sense_are_named() -> None:
    with pytest.raises(InputError, match="erasing probability 2 must lie between 0 and 1"):
        RandomErasing(probability=2)
    with pytest.raises(InputError, match=r"erasing area .* must be positive, low ≤ high, area ≤ 1"):
        RandomErasing(area=(0.5, 0.2))


def test_what_a_rectangle_is_filled_with() -> None:
    colour, mean = (
        RandomErasing(1.0, area=(0.2, 0.2), fill=fill).apply(_batch(20), torch.Generator().manual_seed(0)).images
        for fill in ("colour", "mean")
    )
    for image in colour:
        assert [len(channel.unique()) for channel in image] == [2, 2, 2]  # 9 and one other
        assert len(image.unique()) == 4
    assert set(mean.unique().tolist()) == {0.0, 9.0}


def test_several_rectangles_share_the_area() -> None:
    done = RandomErasing(1.0, area=(0.3, 0.3), most=4).apply(_batch(200), torch.Generator().manual_seed(0))
    part = (done.images != 9).any(1).float().mean((1, 2))
    assert float(part.max()) < 0.34
    assert float(part.min()) < 0.26  # they may overlap
    with pytest.raises(InputError, match="erasing most 0 must be at least 1 rectangle"):
        RandomErasing(most=0)
