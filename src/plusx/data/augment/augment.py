"""What a batch augmentation is."""

from abc import ABC, abstractmethod

import torch

from plusx.core.batch import Batch


class BatchAugment(ABC):
    """Works on a whole batch on its device; a frozen dataclass of its settings."""

    @abstractmethod
    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        """batch: float images after normalisation. A new batch; the given one is not changed."""
