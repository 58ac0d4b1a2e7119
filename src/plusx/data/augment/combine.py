"""Several batch augmentations as one."""

from dataclasses import dataclass

import torch

from plusx.core.batch import Batch
from plusx.data.augment.augment import BatchAugment


@dataclass(frozen=True)
class OneOf(BatchAugment):
    """For every batch one of `choices`, each as likely: how published recipes combine mixup and CutMix."""

    choices: tuple[BatchAugment, ...]

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        raise NotImplementedError


@dataclass(frozen=True)
class InTurn(BatchAugment):
    """All of `parts`, one after the other; none of them: the batch as it was."""

    parts: tuple[BatchAugment, ...] = ()

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        raise NotImplementedError
