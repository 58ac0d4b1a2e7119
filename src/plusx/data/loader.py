"""Loader: samples in, batches out; the same batches for any number of processes, from any position on."""

from collections.abc import Iterator, Sequence

from plusx.core.batch import Batch
from plusx.core.sample import Sample
from plusx.data.encode import Encode
from plusx.data.sampler import InOrder, Order
from plusx.data.transforms import Transform


class Loader:
    """Implements `core.batch.Batches`. Order and randomness are functions of (seed, epoch, index) only.

    A lone last image joins the batch before it, because batch normalisation needs two.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        transform: Transform,
        *,
        encode: Encode,
        batch_size: int,
        order: Order = InOrder(),
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        """workers: processes that read; 0 reads in this one. seed: of crops and colours; the order has its own."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """Raises DataError, with the sample's name, when an image cannot be read."""
        raise NotImplementedError
