"""Predicting with a finished model. `OnnxPredictor` needs onnxruntime, numpy and Pillow, and never loads torch."""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from plusx.core.card import Card
from plusx.core.errors import InputError
from plusx.core.prediction import Prediction
from plusx.deploy.metadata import INPUT, Metadata

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Image: TypeAlias = NDArray[np.uint8]
"""H, W, C: RGB, or one grey channel."""

PIXELS = 2**24
"""At most this many pixels are given to the network's preprocessing at once: some 200 MB as float RGB."""

ERROR = 3
"""ONNX Runtime's level of logging below which it stays silent."""


class Predictor(ABC):
    """A model that tells what is in images. Predictions depend on the image alone, not on its neighbours."""

    card: Card
    task_name: str

    @property
    @final
    def mode(self) -> Literal["RGB", "L"]:
        """The colour mode in which `data.images.read_image` has to read the images."""
        return "L" if self.card.input.channels == 1 else "RGB"

    @abstractmethod
    def predict_batch(self, images: Image, names: Sequence[str]) -> list[Prediction]:
        """images: B, H, W, C uint8, B ≥ 1."""

    @final
    def predict(self, images: Sequence[Image], names: Sequence[str], *, batch_size: int = 32) -> list[Prediction]:
        """One prediction an image, in their order. images: H, W, C uint8 of any sizes; those of one size go together.

        InputError for an array of another type, shape or channel count than the model takes.
        """
        for image, name in zip(images, names, strict=True):
            self._check(image, name)
        found: dict[int, Prediction] = {}
        for indices in batches([image.shape for image in images], batch_size):
            batch = np.stack([images[index] for index in indices])
            found.update(zip(indices, self.predict_batch(batch, [names[i] for i in indices]), strict=True))
        return [found[index] for index in range(len(images))]

    def _check(self, image: Image, name: str) -> None:
        channels = self.card.input.channels
        fits = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == channels and image.size > 0
        if not fits:
            raise InputError(
                f"{name}: found an array of {image.dtype} and shape {image.shape}; the model takes uint8 of shape "
                f"(height, width, {channels}). Read images with plusx.data.images.read_image(..., {self.mode!r})."
            )


def batches(shapes: Sequence[tuple[int, ...]], batch_size: int) -> list[list[int]]:
    """Positions of equal shapes, at most `batch_size` and PIXELS at a time, in the order of their first."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(index)
    found = []
    for shape, indices in groups.items():
        step = max(1, min(batch_size, PIXELS // (shape[0] * shape[1])))
        found += [indices[start : start + step] for start in range(0, len(indices), step)]
    return sorted(found)


@final
class OnnxPredictor(Predictor):
    """An exported ONNX file in ONNX Runtime on the CPU. Preprocessing and decoding are those in the file.

    threads: for one batch; none: OMP_NUM_THREADS, else as many as the process may use.
    InputError where the file is missing, damaged or was not exported by plusx.
    """

    def __init__(self, path: Path | str, *, threads: int | None = None) -> None:
        self.path = Path(path)
        self.session = open_session(self.path, threads)
        self.metadata = Metadata.from_texts(self.session.get_modelmeta().custom_metadata_map, self.path)
        self.card = self.metadata.card
        self.task_name = self.metadata.task

    def outputs(self, images: Image) -> NDArray[Any]:
        """B, H, W, C uint8 → what `Task.decode` gives for them."""
        return np.asarray(self.session.run(None, {INPUT: images})[0])

    def predict_batch(self, images: Image, names: Sequence[str]) -> list[Prediction]:
        return self.metadata.predictions(names, self.outputs(images))


def open_session(path: Path, threads: int | None) -> "InferenceSession":
    """ONNX Runtime on `path`. Its threads sleep when idle, since others decode images meanwhile, and no memory is kept
    for the next image, whose size is another: a third less memory at the same speed.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}. Give the path of an exported model, such as runs/name/model.onnx.")
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or usable_threads()
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = ERROR
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(_as_runtime_opens(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has its own classes, derived from nothing narrower
        raise InputError(f"{path} is damaged or no ONNX file: {error}. Export the model again.") from error


def _as_runtime_opens(path: Path) -> str | bytes:
    """The path; the content where the runtime, which takes all paths for UTF-8, would not find the file."""
    try:
        found = sys.platform == "win32" or os.fsencode(path) == str(path).encode()
    except UnicodeEncodeError:
        found = False
    return str(path) if found else path.read_bytes()


def usable_threads() -> int:
    """OMP_NUM_THREADS where it is set, else the processors this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def onnxruntime() -> ModuleType:
    """The library, loaded on first use and told to keep its reports at home (it sends some on Windows)."""
    import onnxruntime as runtime

    runtime.disable_telemetry_events()
    return runtime
