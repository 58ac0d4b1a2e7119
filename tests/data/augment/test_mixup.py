import pytest
import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.mixup import Mixup


def _batch(targets: torch.Tensor) -> Batch:
    """Image i is i everywhere."""
    count = len(targets)
    images = torch.arange(count, dtype=torch.float32)[:, None, None, None].expand(count, 3, 4, 5).contiguous()
    return Batch(images, targets, tuple(map(str, range(count))), torch.arange(count))


def test_images_and_targets_are_mixed_by_the_same_rule() -> None:
    batch = _batch(torch.arange(8))
    mixed = Mixup("label", classes=8, alpha=1.0).apply(batch, torch.Generator().manual_seed(3))
    assert mixed.targets is not None
    assert mixed.targets.shape == (8, 8)
    torch.testing.assert_close(mixed.targets.sum(1), torch.ones(8))
    # Image i shows the number i and has class i: the mixed number is the mean class of the mixed target.
    expected = mixed.targets @ torch.arange(8.0)
    torch.testing.assert_close(mixed.images, expected[:, None, None, None].expand_as(mixed.images))
    assert (mixed.targets.amax(1) < 1).any()
    lam = {round(float(value), 4) for value in mixed.targets.diagonal()} - {1.0}
    assert len(lam) == 1  # one λ for the batch


def test_the_given_batch_stays_as_it_was() -> None:
    batch = _batch(torch.arange(4))
    before = batch.images.clone()
    mixed = Mixup("label", classes=4).apply(batch, torch.Generator().manual_seed(0))
    torch.testing.assert_close(batch.images, before)
    assert batch.targets is not None
    assert batch.targets.dtype == torch.int64
    assert mixed.names == batch.names
    assert torch.equal(mixed.indices, batch.indices)


def test_a_lone_image_is_its_own_partner() -> None:
    batch = _batch(torch.tensor([2]))
    mixed = Mixup("label", classes=3).apply(batch, torch.Generator().manual_seed(0))
    torch.testing.assert_close(mixed.images, batch.images)
    torch.testing.assert_close(mixed.targets, torch.tensor([[0.0, 0.0, 1.0]]))


@pytest.mark.parametrize("kind", ["labels", "value"])
def test_floating_targets_are_mixed_as_they_are(kind: str) -> None:
    targets = torch.arange(6.0)[:, None].expand(6, 2).contiguous()
    mixup = Mixup("labels" if kind == "labels" else "value", classes=2, alpha=1.0)
    mixed = mixup.apply(_batch(targets), torch.Generator().manual_seed(3))
    torch.testing.assert_close(mixed.targets, mixed.images[:, :2, 0, 0])


def test_lambda_is_beta_distributed() -> None:
    batch = _batch(torch.tensor([0, 1]))
    generator = torch.Generator().manual_seed(0)
    drawn = []
    while len(drawn) < 1500:
        mixed = Mixup("label", classes=2, alpha=0.4).apply(batch, generator)
        assert mixed.targets is not None
        if float(mixed.targets[0, 0]) < 1:  # the partner is the other image
            drawn.append(float(mixed.targets[0, 0]))
    lam = torch.tensor(drawn)
    assert float(lam.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(lam.var()) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.015)  # of Beta(α, α)


def test_a_function_of_the_generator_state() -> None:
    mixup = Mixup("label", classes=4)
    first, again = (mixup.apply(_batch(torch.arange(4)), torch.Generator().manual_seed(5)).images for _ in range(2))
    torch.testing.assert_close(first, again)


def test_channels_stay_last_in_memory() -> None:
    batch = _batch(torch.arange(4)).to(torch.device("cpu"), torch.channels_last)
    mixed = Mixup("label", classes=4).apply(batch, torch.Generator().manual_seed(5))
    assert mixed.images.is_contiguous(memory_format=torch.channels_last)


def test_alpha_must_be_positive() -> None:
    with pytest.raises(InputError, match="mixup alpha 0 must be positive; leave mixup out to train without it"):
        Mixup("label", classes=4, alpha=0)
