"""Loader: samples in, batches out; the same batches for any number of processes, from any position on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from plusx.core.batch import Batch
from plusx.core.errors import DataError, InputError, PlusxError
from plusx.core.sample import Sample
from plusx.core.targets import Target
from plusx.core.view import View
from plusx.data.batching import Batching
from plusx.data.encode import Encode, stacked
from plusx.data.mosaic import Key, Mix, Picture
from plusx.data.processes import forking, ignore_interrupt, outlive_termination, starting
from plusx.data.reduced import read_reduced
from plusx.data.sampler import repeats
from plusx.data.transforms import Transform


class _Request(NamedTuple):
    """One batch to be made: samples by index, and how often each has come before in this epoch.

    `whole`: images of the batch over all processes that share it.
    """

    epoch: int
    indices: tuple[int, ...]
    repeats: tuple[int, ...]
    whole: int


@dataclass(frozen=True)
class _Failure:
    """What a loading process sends in place of a batch, so that the error arrives without its traceback."""

    message: str


_Answer: TypeAlias = tuple[Tensor, Tensor | None, tuple[View, ...]] | _Failure


class _Reader(Dataset[_Answer]):
    """Answers requests; runs in the loading processes."""

    def __init__(
        self, samples: Sequence[Sample], transform: Transform, encode: Encode, seed: int, mix: Mix | None
    ) -> None:
        self.samples = samples
        self.transform = transform
        self.encode = encode
        self.seed = seed
        self.mix = mix

    def __getitem__(self, index: _Request) -> _Answer:
        request = index
        try:
            read = [
                self._picture(index, (self.seed, request.epoch, index, repeat))
                for index, repeat in zip(request.indices, request.repeats, strict=True)
            ]
        except DataError as error:
            return _Failure(str(error))
        targets = self._targets([one.target for one in read])
        return _stack([one.image for one in read]), targets, tuple(one.view for one in read if one.view is not None)

    def _picture(self, index: int, key: Key) -> Picture:
        if self.mix is None:
            return self._read(index, self.transform, key)
        return self.mix.picture(self._read, len(self.samples), key)

    def _read(self, index: int, transform: Transform, key: Key) -> Picture:
        sample = self.samples[index]

        def factor_for(height: int, width: int) -> int:
            return transform.reduction(height, width, sample.target, np.random.default_rng(key))

        try:
            image, factor = read_reduced(sample.image, transform.mode, factor_for)
        except Exception as error:  # functions of the user's own data set may raise anything
            raise DataError(f"Image {sample.name} could not be read: {error}") from error
        target = None if sample.target is None else sample.target.load()
        if target is not None and factor > 1:
            target = target.scale(1 / factor, 1 / factor)
        pixels, target = transform(image, target, np.random.default_rng(key))
        return Picture(pixels, target, transform.view(*image.shape[:2]))

    def _targets(self, targets: Sequence[Target | None]) -> Tensor | None:
        known = [self.encode(target) for target in targets if target is not None]
        return stacked(known) if len(known) == len(targets) else None


def _stack(images: Sequence[Tensor]) -> Tensor:
    """B, C, h, w with channels last in memory, as decoders write them: one straight copy an image."""
    batch = torch.empty((len(images), *images[0].shape), dtype=torch.uint8, memory_format=torch.channels_last)
    for position, image in enumerate(images):
        batch[position] = image
    return batch


class _Requests(Sampler[_Request]):
    """The requests of the coming epoch; exchanged before each, while the loading processes live on."""

    def __init__(self) -> None:
        self.coming: list[_Request] = []

    def __iter__(self) -> Iterator[_Request]:
        return iter(self.coming)

    def __len__(self) -> int:
        return len(self.coming)


@final
class Loader:
    """Implements `core.batch.Batches`. Order and randomness are functions of (seed, epoch, index) only.

    A lone last image joins the batch before it, because batch normalisation needs two. Loading processes are started
    with the first epoch and kept. One epoch at a time: beginning another ends the one before.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        transform: Transform,
        *,
        encode: Encode,
        batching: Batching,
        workers: int = 0,
        seed: int = 0,
        mix: Mix | None = None,
    ) -> None:
        """workers: processes that read; 0 reads in this one. seed: of crops and colours; the order has its own.
        mix: makes pictures of several samples, each through the transform of its own."""
        if workers < 0:
            raise InputError(f"workers {workers} must be at least 0")
        self._samples = samples
        self._order = batching.order
        self._cuts = batching.cuts(len(samples))
        self._requests = _Requests()
        self._batches = DataLoader(
            _Reader(samples, transform, encode, seed, mix),
            batch_size=None,
            sampler=self._requests,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
            multiprocessing_context=forking() if workers > 0 else None,
            worker_init_fn=_start_worker,
            generator=torch.Generator(),  # else it would draw from the global one, and resumed runs would differ
        )

    def __len__(self) -> int:
        return len(self._cuts)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """Raises DataError, with the sample's name, when an image cannot be read."""
        indices = self._order.indices(len(self._samples), number)
        again = repeats(indices)
        requests = [
            _Request(number, tuple(indices[begin:end].tolist()), tuple(again[begin:end].tolist()), whole)
            for begin, end, whole in self._cuts[start:]
        ]
        return self._answered(requests)

    def _answered(self, requests: list[_Request]) -> Iterator[Batch]:
        self._requests.coming = requests
        with starting():
            answers = iter(self._batches)
        for request in requests:
            assert self._requests.coming is requests, "another epoch of this loader has begun"
            yield self._batch(request, _next(answers))

    def _batch(self, request: _Request, answer: _Answer) -> Batch:
        if isinstance(answer, _Failure):
            raise DataError(answer.message)
        images, targets, views = answer
        names = tuple(self._samples[index].name for index in request.indices)
        total = None if request.whole == len(images) else request.whole
        return Batch(images, targets, names, torch.tensor(request.indices), views, total)


def _next(answers: Iterator[_Answer]) -> _Answer:
    try:
        return next(answers)
    except RuntimeError as error:
        if "exited unexpectedly" not in str(error) and "killed by signal" not in str(error):
            raise
        raise PlusxError(
            f"A process that loads images was ended from outside ({error}). Most often memory ran out: use fewer "
            "workers or a smaller batch size."
        ) from error


def _as_it_is(answer: Any) -> Any:
    return answer


def _start_worker(worker: int) -> None:
    ignore_interrupt()
    outlive_termination()
    torch.set_num_threads(1)
