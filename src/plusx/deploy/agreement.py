"""An exported file is only kept when it gives the model's own results."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from plusx.core.card import Card
from plusx.core.errors import DisagreementError, InputError, StorageError
from plusx.core.task import Task
from plusx.deploy.decoding import TOLERANCE, Rows, decoding_of
from plusx.deploy.export import Format, export
from plusx.deploy.graph import deployed_copy
from plusx.deploy.predictor import Image, batches
from plusx.deploy.runtimes import Runner, open_runner

LEAST_AGREEMENT = 0.995
"""Share of the images for which the file has to decide as the model does."""

WINDOW = 16
"""Images that are held in memory at a time; those of one size are run as one batch."""


@dataclass(frozen=True)
class Agreement:
    """How an exported file compares with its model.

    `top1_agreement`: share of the `images` with the same decision: the class, the set of labels, or for values that
    all lie within 1e-3. A near tie that falls the other way counts as a disagreement like any other.
    `largest_difference`: of probabilities; of values in units of their standard deviation in training, or of their
    range over the images where that is more. `decision` and `unit` say in words what was compared.
    """

    images: int
    top1_agreement: float
    largest_difference: float
    decision: str = "decision"
    unit: str = ""

    @property
    def holds(self) -> bool:
        """False also where any output is NaN."""
        return self.top1_agreement >= LEAST_AGREEMENT and self.largest_difference <= TOLERANCE

    def __str__(self) -> str:
        return (
            f"same {self.decision} for {self.top1_agreement:.2%} of {self.images} images, "
            f"largest difference {f'{self.unit} ' if self.unit else ''}{self.largest_difference:.1e}"
        )


def export_agreeing(
    task: Task, card: Card, path: Path, images: Iterable[Image], *, to: Format = "onnx", limit: int = 500
) -> Agreement:
    """`export`, then `compare`; `path` is written only when they agree, and what was there before stays otherwise.

    images: uint8 H, W, C as `data.images.read_image` gives them; at most `limit` are drawn. Raises what both raise.
    """
    with _made_beside(path) as made:
        export(task, card, made, to=to)
        return compare(task, card, made, images, to=to, limit=limit)


@contextmanager
def _made_beside(path: Path) -> Iterator[Path]:
    """A name in a directory beside `path`; what is written there moves to `path` when the block ends well."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as directory:
            made = Path(directory) / path.name
            try:
                yield made
            except StorageError as error:
                raise StorageError(str(error).replace(directory, str(path.parent))) from error
            for file in sorted(made.parent.iterdir()):  # .bin before the .xml that refers to it
                file.replace(path.with_name(file.name))
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{path} could not be written: {error.strerror or error}.") from error


def compare(
    task: Task, card: Card, path: Path, images: Iterable[Image], *, to: Format = "onnx", limit: int = 500
) -> Agreement:
    """Run `task` in float32 and the file at `path` on up to `limit` images.

    DisagreementError, and the file is removed, where decisions agree on less than 99.5 % of the images or any
    probability differs by more than 1e-3. InputError where there is no image.
    """
    decoding, config = decoding_of(task.name), task.config()
    pairs = _both(task, card, open_runner(path, to), islice(images, limit))
    if decoding.together:
        pairs = _joined(pairs)
    compared = [decoding.compare(expected, found, config, size) for expected, found, size in pairs]
    if not compared:
        raise InputError("There is no image to compare the exported file with its model on; give at least one.")
    same, distance = (np.concatenate(parts) for parts in zip(*compared, strict=True))
    agreement = Agreement(len(same), float(same.mean()), float(distance.max()), decoding.decision, decoding.unit)
    if not agreement.holds:
        for suffix in {path.suffix, ".bin"} if to == "openvino" else {path.suffix}:
            path.with_suffix(suffix).unlink(missing_ok=True)
        raise DisagreementError(_text(agreement, path, to))
    return agreement


def _both(
    task: Task, card: Card, runner: Runner, images: Iterable[Image]
) -> Iterator[tuple[Rows, Rows, tuple[int, int]]]:
    """Outputs of the model and of the file, (B, ...) each, for images of one size, and that size."""
    model = deployed_copy(task, card.input)
    for batch in _batches(images):
        with torch.inference_mode():
            expected = model(torch.from_numpy(batch)).numpy()
        yield expected, runner(batch), batch.shape[1:3]


def _joined(pairs: Iterable[tuple[Rows, Rows, tuple[int, int]]]) -> Iterator[tuple[Rows, Rows, tuple[int, int]]]:
    """All images at once, as if of one size; none where there is none."""
    parts = [*pairs]
    if parts:
        expected, found, sizes = zip(*parts, strict=True)
        yield np.concatenate(expected), np.concatenate(found), sizes[0]


def _batches(images: Iterable[Image]) -> Iterator[Image]:
    remaining = iter(images)
    while window := list(islice(remaining, WINDOW)):
        for indices in batches([image.shape for image in window], WINDOW):
            yield np.stack([window[index] for index in indices])


def _text(agreement: Agreement, path: Path, to: Format) -> str:
    runtime = {"onnx": "torch and onnxruntime", "openvino": "torch and openvino", "torch": "torch"}[to]
    return (
        f"The exported file does not give the model's results: {agreement}; at least {LEAST_AGREEMENT:.1%} and at most "
        f"{TOLERANCE} are allowed. {path.name} was not kept. Use the model file instead, and please report this with "
        f"the version of {runtime}."
    )
