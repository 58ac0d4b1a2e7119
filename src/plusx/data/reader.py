"""Reader: from a request to the tensors of a batch; runs in the loading processes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from plusx.core.batch import Request
from plusx.core.errors import DataError
from plusx.core.sample import Sample
from plusx.core.targets import Target
from plusx.core.view import View
from plusx.data.encode import Encode, stacked
from plusx.data.kept_pixels import KeptPixels
from plusx.data.mosaic import Key, Mix, Picture
from plusx.data.patience import WAITS, patiently, why
from plusx.data.reduced import read_reduced
from plusx.data.transforms import Transform

T = TypeVar("T")


class Loss(NamedTuple):
    """A picture that could not be made: its place in the request, and why, which names the sample that was at fault."""

    place: int
    reason: str


class Answer(NamedTuple):
    """The pictures of a batch but for those that were lost; `images` None where all were. `late`: notes on files that
    were read only after several tries, and on images that could not be kept.

    Errors are sent as words, so that they arrive without their traceback.
    """

    images: Tensor | None
    targets: Tensor | None
    views: tuple[View, ...]
    lost: tuple[Loss, ...] = ()
    late: tuple[str, ...] = ()

    def kept(self, count: int) -> list[int]:
        """Which of `count` places have a picture."""
        lost = {loss.place for loss in self.lost}
        return [place for place in range(count) if place not in lost]


@dataclass
class _Trouble:
    """Of one request. `waits` are none once a sample is lost: whole disks go away, and each would be waited for."""

    waits: tuple[float, ...]
    late: list[str] = field(default_factory=list)


class Reader(Dataset[Answer]):
    """Answers requests. Order and randomness of every picture are functions of the request alone."""

    def __init__(
        self,
        samples: Sequence[Sample],
        transform: Transform,
        encode: Encode,
        seed: int,
        mix: Mix | None,
        kept: KeptPixels | None = None,
    ) -> None:
        self.samples = samples
        self.transform = transform
        self.encode = encode
        self.seed = seed
        self.mix = mix
        self.kept = kept
        self._trouble = _Trouble(WAITS)

    def __getitem__(self, index: Request) -> Answer:
        self._trouble = _Trouble(WAITS)
        made, lost = [], []
        for place, picture in enumerate(self._pictures(index)):
            made.append(picture) if isinstance(picture, Picture) else lost.append(Loss(place, picture))
        if not made:
            return Answer(None, None, (), tuple(lost), tuple(self._trouble.late))
        targets = self._targets([one.target for one in made])
        views = tuple(one.view for one in made if one.view is not None)
        return Answer(_stack([one.image for one in made]), targets, views, tuple(lost), tuple(self._trouble.late))

    def _pictures(self, request: Request) -> Iterator[Picture | str]:
        """Each, or why there is none."""
        for index, repeat in zip(request.indices, request.repeats, strict=True):
            try:
                yield self._picture(index, (self.seed, request.epoch, index, repeat))
            except DataError as error:
                self._trouble.waits = ()
                yield str(error)

    def _picture(self, index: int, key: Key) -> Picture:
        if self.mix is None:
            return self._read(index, self.transform, key)
        return self.mix.picture(self._read, len(self.samples), key)

    def _read(self, index: int, transform: Transform, key: Key) -> Picture:
        sample = self.samples[index]

        def factor_for(height: int, width: int) -> int:
            return transform.reduction(height, width, sample.target, np.random.default_rng(key))

        try:
            if self.kept is None:
                image, factor = self._patiently(sample, lambda: read_reduced(sample.image, transform.mode, factor_for))
            else:
                image, factor = self._kept(self.kept, index, transform), 1
        except Exception as error:  # functions of the user's own data set may raise anything
            raise DataError(f"Image {sample.name} could not be read: {why(error)}") from error
        target = None if sample.target is None else self._patiently(sample, sample.target.load)
        if target is not None and factor > 1:
            target = target.scale(1 / factor, 1 / factor)
        pixels, target = transform(image, target, np.random.default_rng(key))
        return Picture(pixels, target, transform.view(*image.shape[:2]))

    def _kept(self, kept: KeptPixels, index: int, transform: Transform) -> NDArray[np.uint8]:
        sample = self.samples[index]

        def read() -> NDArray[np.uint8]:
            return self._patiently(sample, lambda: read_reduced(sample.image, transform.mode, kept.reduction))[0]

        image, said = kept.image(index, read)
        if said:
            self._trouble.late.append(said)
        return image

    def _patiently(self, sample: Sample, read: Callable[[], T]) -> T:
        found = patiently(read, self._trouble.waits)
        if found.tries > 1:
            self._trouble.late.append(f"{sample.name} could be read only at try {found.tries} ({found.trouble})")
        return found.value

    def known(self, indices: Sequence[int]) -> Tensor | None:
        """The targets of whole images, which no picture changes."""
        targets = [self.samples[index].target for index in indices]
        return self._targets([None if target is None else target.load() for target in targets])

    def _targets(self, targets: Sequence[Target | None]) -> Tensor | None:
        known = [self.encode(target) for target in targets if target is not None]
        return stacked(known) if len(known) == len(targets) else None


def _stack(images: Sequence[Tensor]) -> Tensor:
    """B, C, h, w with channels last in memory, as decoders write them: one straight copy an image."""
    batch = torch.empty((len(images), *images[0].shape), dtype=torch.uint8, memory_format=torch.channels_last)
    for position, image in enumerate(images):
        batch[position] = image
    return batch
