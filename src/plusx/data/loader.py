"""Loader: samples in, batches out; the same batches for any number of processes, from any position on."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, final

import torch
from torch.utils.data import DataLoader, Sampler

from plusx.core.batch import Batch, Request
from plusx.core.errors import InputError, LostProcessError
from plusx.core.sample import Sample
from plusx.data.batching import Batching
from plusx.data.encode import Encode
from plusx.data.handling import STOP, Losses
from plusx.data.kept_pixels import KeptPixels
from plusx.data.mosaic import Mix
from plusx.data.processes import forking, ignore_interrupt, leaving_with_parent, outlive_termination, starting
from plusx.data.reader import Answer, Reader
from plusx.data.sampler import repeats
from plusx.data.transforms import Transform

MOST_DEATHS: Final = 3
"""Times in one epoch that loading processes are replaced after one of them was ended from outside."""


class _Requests(Sampler[Request]):
    """The requests of the coming epoch; exchanged before each, while the loading processes live on."""

    def __init__(self) -> None:
        self.coming: list[Request] = []

    def __iter__(self) -> Iterator[Request]:
        return iter(self.coming)

    def __len__(self) -> int:
        return len(self.coming)


@final
class Loader:
    """Implements `core.batch.Requested`. Order and randomness are functions of (seed, epoch, index) only.

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
        kept: KeptPixels | None = None,
    ) -> None:
        """workers: processes that read; 0 reads in this one. seed: of crops and colours; the order has its own.
        mix: makes pictures of several samples, each through the transform of its own. kept: where images are kept
        decoded, for targets that have no place in them."""
        if workers < 0:
            raise InputError(f"workers {workers} must be at least 0")
        self.handling = STOP  # what is done about faults; may be changed before an epoch
        self._samples = samples
        self._order = batching.order
        self._cuts = batching.cuts(len(samples))
        self._requests = _Requests()
        self._epoch: list[Request] = []
        self._reader = Reader(samples, transform, encode, seed, mix, kept)
        self._workers = workers
        self._batches = self._started()

    def _started(self) -> "DataLoader[Answer]":
        """Its processes are started with the first epoch."""
        return DataLoader(
            self._reader,
            batch_size=None,
            sampler=self._requests,
            num_workers=self._workers,
            collate_fn=_as_it_is,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self._workers > 0,
            multiprocessing_context=forking() if self._workers > 0 else None,
            worker_init_fn=_start_worker,
            generator=torch.Generator(),  # else it would draw from the global one, and resumed runs would differ
        )

    def __len__(self) -> int:
        return len(self._cuts)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """Raises DataError, with the sample's name, when an image cannot be read and is not to be left out, and
        LostProcessError when loading processes are ended from outside again and again."""
        return self.read(self.requests(number, start))

    def requests(self, number: int, start: int = 0) -> list[Request]:
        """The batches of epoch `number` (from 0), from batch `start` on, before anything is read."""
        indices = self._order.indices(len(self._samples), number)
        again = repeats(indices)
        return [
            Request(number, tuple(indices[begin:end].tolist()), tuple(again[begin:end].tolist()), whole)
            for begin, end, whole in self._cuts[start:]
        ]

    def without_images(self, request: Request) -> Batch:
        """All of the batch that is known before an image is read, for targets that have no place in it."""
        names = tuple(self._samples[index].name for index in request.indices)
        indices, targets = torch.tensor(request.indices), self._reader.known(request.indices)
        total = None if request.whole == len(indices) else request.whole
        return Batch(torch.empty(len(indices), 0), targets, names, indices, total=total)

    def read(self, requests: Sequence[Request]) -> Iterator[Batch]:
        """As `epoch`, of batches that were asked for."""
        requests = list(requests)
        self._epoch = requests
        losses = Losses(self.handling, len(self._samples))
        for request, answer in zip(requests, self._answers(requests), strict=True):
            yield self._batch(request, losses.settled(request, answer))

    def _answers(self, requests: list[Request]) -> Iterator[Answer]:
        """Of all requests in order. Where a loading process dies, others begin at the very request that is missing."""
        done = deaths = 0
        answers: Iterator[Answer] | None = None
        while done < len(requests):
            assert self._epoch is requests, "another epoch of this loader has begun"
            try:
                answers = self._begun(requests[done:]) if answers is None else answers
                answer = next(answers)
            except (RuntimeError, ConnectionError, EOFError) as error:
                answers, deaths = None, deaths + 1
                self._replace_processes(error, deaths)
            else:
                yield answer
                done += 1

    def _begun(self, requests: list[Request]) -> Iterator[Answer]:
        self._requests.coming = requests
        with starting(), leaving_with_parent():
            return iter(self._batches)

    def _replace_processes(self, error: Exception, deaths: int) -> None:
        if self._workers == 0 or not _is_death(error):
            raise error
        if deaths > MOST_DEATHS:
            raise LostProcessError(
                f"Processes that load images were ended from outside {deaths} times in one epoch ({error}). Most often "
                "memory ran out: use fewer workers (--workers), or a smaller batch or image size."
            ) from error
        self._workers = max(1, self._workers // 2)
        self._batches = self._started()
        self.handling.tell(
            f"A process that loads images was ended from outside, most often because memory ran out ({error}). It goes "
            f"on at the same image with {self._workers} of them; results stay the same."
        )

    def _batch(self, request: Request, answer: Answer) -> Batch:
        places = answer.kept(len(request.indices))
        assert answer.images is not None
        indices = [request.indices[place] for place in places]
        names = tuple(self._samples[index].name for index in indices)
        total = None if request.whole in (len(indices), len(request.indices)) else request.whole
        return Batch(answer.images, answer.targets, names, torch.tensor(indices), answer.views, total)


def _is_death(error: Exception) -> bool:
    """A process that was killed while it handed over a batch may be known by its broken connection alone."""
    if isinstance(error, ConnectionError | EOFError):
        return True
    return "exited unexpectedly" in str(error) or "killed by signal" in str(error)


def _as_it_is(answer: Any) -> Any:
    return answer


def _start_worker(worker: int) -> None:
    ignore_interrupt()
    outlive_termination()
    torch.set_num_threads(1)
