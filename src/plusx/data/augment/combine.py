"""Several batch augmentations as one."""

from dataclasses import dataclass

import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.mixing import draw_numpy


@dataclass(frozen=True)
class OneOf(BatchAugment):
    """For every batch one of `choices`, each as likely: how published recipes combine mixup and CutMix."""

    choices: tuple[BatchAugment, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise InputError("OneOf needs at least one augmentation to choose from")

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        chosen = draw_numpy(generator).integers(len(self.choices))
        return self.choices[chosen].apply(batch, generator)


@dataclass(frozen=True)
class InTurn(BatchAugment):
    """All of `parts`, one after the other; none of them: the batch as it was."""

    parts: tuple[BatchAugment, ...] = ()

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        for part in self.parts:
            batch = part.apply(batch, generator)
        return batch
