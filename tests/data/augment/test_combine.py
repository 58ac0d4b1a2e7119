from dataclasses import dataclass, replace

import pytest
import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.combine import InTurn, OneOf, Sometimes, members, without
from plusx.data.augment.cutout import Cutout
from plusx.data.augment.mixup import Mixup

BATCH = Batch(torch.ones(1, 1, 1, 1), None, ("a",), torch.zeros(1, dtype=torch.int64))


@dataclass(frozen=True)
class _Times(BatchAugment):
    factor: float
    plus: float = 0.0

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        return replace(batch, images=batch.images * self.factor + self.plus)


def test_nothing_in_turn_changes_nothing() -> None:
    assert InTurn().apply(BATCH, torch.Generator()) is BATCH


def test_in_turn_goes_from_first_to_last() -> None:
    done = InTurn((_Times(2, 1), _Times(10))).apply(BATCH, torch.Generator())
    assert done.images.item() == 30


def test_one_of_takes_each_equally_often() -> None:
    generator = torch.Generator().manual_seed(0)
    choice = OneOf((_Times(2), _Times(3)))
    drawn = [choice.apply(BATCH, generator).images.item() for _ in range(400)]
    assert set(drawn) == {2.0, 3.0}
    assert drawn.count(2.0) == pytest.approx(200, abs=40)


def test_one_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="OneOf needs at least one augmentation"):
        OneOf(())


def test_one_of_goes_by_its_chances() -> None:
    generator = torch.Generator().manual_seed(0)
    choice = OneOf((_Times(2), _Times(3)), chances=(0.8, 0.2))
    drawn = [choice.apply(BATCH, generator).images.item() for _ in range(400)]
    assert drawn.count(2.0) == pytest.approx(320, abs=32)
    with pytest.raises(InputError, match=r"OneOf chances \(0.8, 0.1\) must be 2 numbers of 0 and more that sum to 1"):
        OneOf((_Times(2), _Times(3)), chances=(0.8, 0.1))


def test_sometimes_leaves_the_batch_as_it_was() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = [Sometimes(_Times(2), 0.3).apply(BATCH, generator).images.item() for _ in range(400)]
    assert drawn.count(2.0) == pytest.approx(120, abs=30)
    with pytest.raises(InputError, match=r"Sometimes chance 1\.5 must lie between 0 and 1"):
        Sometimes(_Times(2), 1.5)


def test_members_are_found_wherever_they_stand() -> None:
    two, three, four = _Times(2), _Times(3), _Times(4)
    assert list(members(InTurn((OneOf((two, Sometimes(three, 0.5))), four)))) == [two, three, four]
    assert list(members(InTurn())) == []


def test_without_some_the_others_stay() -> None:
    mixup, cutout = Mixup("label", 3), Cutout(0.5)

    def mixes(member: BatchAugment) -> bool:
        return isinstance(member, Mixup)

    assert without(InTurn((cutout, mixup, OneOf((mixup, mixup)), Sometimes(mixup, 0.5))), mixes) == InTurn((cutout,))
    assert without(OneOf((mixup, cutout), (0.7, 0.3)), mixes) == OneOf((InTurn(), cutout), (0.7, 0.3))
    assert without(mixup, mixes) == InTurn()
