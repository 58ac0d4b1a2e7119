import pytest
import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.progressive import Progressive


def test_sides_grow_in_the_middle_and_the_last_epochs_have_whole_images() -> None:
    assert Progressive().sides(224, 10) == (128, 128, 128, 128, 128, 160, 192, 224, 224, 224)
    assert Progressive().sides(224, 1) == (224,)
    assert Progressive().sides(224, 2) == (128, 224)
    assert Progressive(until=0.5).sides(224, 4) == (128, 224, 224, 224)
    assert set(Progressive().sides(32, 10)) == {32}


def test_images_are_resized_as_a_mean_of_what_they_cover() -> None:
    images = torch.arange(64 * 64, dtype=torch.float32).view(1, 1, 64, 64).mul(255 / 4095).to(torch.uint8)
    batch = Batch(images.expand(2, 3, 64, 64), torch.arange(2), ("a", "b"), torch.arange(2))
    small = Progressive(first=0.5).apply(batch, 0.1)
    assert small.images.shape == (2, 3, 32, 32)
    assert small.images.dtype == torch.uint8
    expected = torch.nn.functional.avg_pool2d(images[:1].float(), 2)[0, 0]
    assert float((small.images[0, 0].float() - expected)[1:-1, 1:-1].abs().mean()) < 2
    assert small.targets is batch.targets
    assert Progressive().apply(batch, 1.0) is batch


def test_settings_that_make_no_sense_are_named() -> None:
    with pytest.raises(InputError, match=r"Progressive first 1\.5 must be a part of the side"):
        Progressive(first=1.5)
    with pytest.raises(InputError, match=r"delay 0\.9 and until 0\.8 must be shares of the run, delay ≤ until"):
        Progressive(delay=0.9)
