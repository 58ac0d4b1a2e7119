"""Several batch augmentations as one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.mixing import draw_numpy


@dataclass(frozen=True)
class OneOf(BatchAugment):
    """For every batch one of `choices`: how published recipes combine mixup and CutMix.

    chances: of each, summing to 1; none: each as likely. timm's `switch_prob` is the chance of CutMix.
    """

    choices: tuple[BatchAugment, ...]
    chances: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.choices:
            raise InputError("OneOf needs at least one augmentation to choose from")
        if self.chances is not None:
            self._check(self.chances)

    def _check(self, chances: tuple[float, ...]) -> None:
        if len(chances) != len(self.choices) or min(chances) < 0 or abs(sum(chances) - 1) > 1e-6:
            raise InputError(f"OneOf chances {chances} must be {len(self.choices)} numbers of 0 and more that sum to 1")

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        chosen = draw_numpy(generator).choice(len(self.choices), p=self.chances)
        return self.choices[chosen].apply(batch, generator)


@dataclass(frozen=True)
class InTurn(BatchAugment):
    """All of `parts`, one after the other; none of them: the batch as it was."""

    parts: tuple[BatchAugment, ...] = ()

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        for part in self.parts:
            batch = part.apply(batch, generator)
        return batch


@dataclass(frozen=True)
class Sometimes(BatchAugment):
    """`part` for a batch with this chance, else the batch as it was: timm's `mixup_prob`."""

    part: BatchAugment
    chance: float

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise InputError(f"Sometimes chance {self.chance} must lie between 0 and 1")

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        return self.part.apply(batch, generator) if draw_numpy(generator).random() < self.chance else batch


def members(augment: BatchAugment) -> Iterator[BatchAugment]:
    """All that may be applied, whatever combines them."""
    match augment:
        case OneOf(choices):
            parts: tuple[BatchAugment, ...] = choices
        case InTurn(parts):
            pass
        case Sometimes(part):
            parts = (part,)
        case _:
            yield augment
            return
    for part in parts:
        yield from members(part)


def without(augment: BatchAugment, dropped: Callable[[BatchAugment], bool]) -> BatchAugment:
    """The same without those for which `dropped` is true; an empty `InTurn` stands for one that has to have a place."""
    match augment:
        case InTurn(parts):
            left = (without(one, dropped) for one in parts)
            return InTurn(tuple(one for one in left if any(members(one))))
        case OneOf(choices, chances):
            return OneOf(tuple(without(one, dropped) for one in choices), chances)
        case Sometimes(part, chance):
            return Sometimes(without(part, dropped), chance)
        case _:
            return InTurn() if dropped(augment) else augment
