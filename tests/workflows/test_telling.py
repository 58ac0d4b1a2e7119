"""What `fit` says before it trains, where it could say it as Python does."""

from plusx.data.augment.pixels.rand_augment import TimmRandAugment
from plusx.data.augment.pixels.trivial_augment import TrivialAugment
from plusx.workflows.telling import in_words


def test_a_policy_is_said_with_its_numbers_alone() -> None:
    assert in_words(TimmRandAugment(magnitude=6)) == "TimmRandAugment (magnitude 6, noise 0.5, count 2, chance 0.5)"
    assert "Sampling" not in in_words(TrivialAugment())
