"""Predicting with a finished model. `OnnxPredictor` needs onnxruntime, numpy and Pillow, and never loads torch."""

import copy
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from plusx.core.card import Card
from plusx.core.errors import InputError
from plusx.core.prediction import MaskPrediction, Prediction
from plusx.deploy.decoding import decoding_of, predictions
from plusx.deploy.metadata import INPUT, Metadata
from plusx.deploy.tiling import WHOLE, Scorer, Tiling, blended, largest, teller, weighted_softmax

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Image: TypeAlias = NDArray[np.uint8]
"""H, W, C: RGB, or one grey channel."""

PIXELS = 2**24
"""At most this many pixels are given to the network's preprocessing at once: some 200 MB as float RGB."""

SCORES = 2**26
"""At most this many numbers come out of a model of masks at once, one a pixel and class: 256 MB."""

ERROR = 3
"""ONNX Runtime's level of logging below which it stays silent."""


class Predictor(ABC):
    """A model that tells what is in images. Predictions depend on the image alone, not on its neighbours."""

    card: Card
    task_name: str
    config: Mapping[str, Any] = MappingProxyType({})  # the task's

    @property
    @final
    def mode(self) -> Literal["RGB", "L"]:
        """The colour mode in which `data.images.read_image` has to read the images."""
        return "L" if self.card.input.channels == 1 else "RGB"

    @abstractmethod
    def predict_batch(self, images: Image, names: Sequence[str]) -> list[Prediction]:
        """images: B, H, W, C uint8, B ≥ 1."""

    def rows(self, images: Image) -> NDArray[Any]:
        """What `Task.decode` gives for images (B, H, W, C uint8). InputError for a model that has no such numbers."""
        raise InputError(f"{type(self).__name__} gives no numbers that --tta flip could average. Leave it away.")

    def scorer(self) -> Scorer:
        """What gives the class probabilities of windows. InputError for a model that has none."""
        raise InputError(
            "--tile cuts images into windows for masks of one class a pixel; the model's task is "
            f"{self.task_name}. Leave it away."
        )

    @final
    def with_threshold(self, threshold: float) -> Self:
        """The same model, which shows what has that score or more. InputError where no score is asked for."""
        if not decoding_of(self.task_name).threshold:
            raise InputError(
                f"--threshold is the score of boxes, or of labels of several; the model's task is {self.task_name}. "
                "Leave it away."
            )
        least = self.config.get("least", 0.0)
        if not least <= threshold <= 1:
            raise InputError(f"--threshold {threshold:g}: the model gives scores from {least:g} to 1.")
        other = copy.copy(self)
        other.config = {**self.config, "threshold": threshold}
        return other

    @final
    def predict(
        self, images: Sequence[Image], names: Sequence[str], *, batch_size: int = 32, tiling: Tiling = WHOLE
    ) -> list[Prediction]:
        """One prediction an image, in their order. images: H, W, C uint8 of any sizes; those of one size go together.

        InputError for an array of another type, shape or channel count than the model takes, and for windows of a
        model that has none.
        """
        for image, name in zip(images, names, strict=True):
            self._check(image, name)
        windows = [self._window(image, tiling) for image in images]
        found: dict[int, Prediction] = {}
        for indices in batches([image.shape for image in images], batch_size, self._pixels()):
            if (window := windows[indices[0]]) is None:
                batch = np.stack([images[index] for index in indices])
                found.update(zip(indices, self.predict_batch(batch, [names[i] for i in indices]), strict=True))
            else:
                for i in indices:
                    found[i] = self._predict_tiled(images[i], names[i], window, tiling.overlap, batch_size)
        return [found[index] for index in range(len(images))]

    def _pixels(self) -> int:
        """At most so many at once."""
        decoding = decoding_of(self.task_name)
        classes = len(self.config.get(decoding.setting, ())) if decoding.maps else 0
        return min(PIXELS, SCORES // max(1, classes))

    def _window(self, image: Image, tiling: Tiling) -> tuple[int, int] | None:
        """The windows that `image` is cut into; None where it is shown whole."""
        if isinstance(tiling.tile, int):
            self.scorer()  # says that it has none, whatever the image
        window = tiling.window(self.card, image.shape[0], image.shape[1])
        return None if window is None or decoding_of(self.task_name).scores is None else window

    def _predict_tiled(
        self, image: Image, name: str, window: tuple[int, int], overlap: float, batch_size: int
    ) -> Prediction:
        step = max(1, min(batch_size, self._pixels() // (window[0] * window[1])))
        mask = blended(self.scorer(), image, window, overlap, batch_size=step, progress=teller(name))
        return MaskPrediction.of(name, self.config["classes"], mask)

    def _check(self, image: Image, name: str) -> None:
        channels = self.card.input.channels
        fits = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == channels and image.size > 0
        if not fits:
            raise InputError(
                f"{name}: found an array of {image.dtype} and shape {image.shape}; the model takes uint8 of shape "
                f"(height, width, {channels}). Read images with plusx.data.images.read_image(..., {self.mode!r})."
            )


def batches(shapes: Sequence[tuple[int, ...]], batch_size: int, pixels: int = PIXELS) -> list[list[int]]:
    """Positions of equal shapes, at most `batch_size` and `pixels` at a time, in the order of their first."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(index)
    found = []
    for shape, indices in groups.items():
        step = max(1, min(batch_size, pixels // (shape[0] * shape[1])))
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
        self.config = self.metadata.config

    def outputs(self, images: Image) -> NDArray[Any]:
        """B, H, W, C uint8 → what `Task.decode` gives for them."""
        return self._run(self.metadata.output, images)

    def rows(self, images: Image) -> NDArray[Any]:
        return self.outputs(images)

    def predict_batch(self, images: Image, names: Sequence[str]) -> list[Prediction]:
        return predictions(self.task_name, self.config, names, self.outputs(images))

    def scorer(self) -> Scorer:
        if self.metadata.scores:
            return self
        if decoding_of(self.task_name).scores is None:
            return super().scorer()
        raise InputError(
            f"{self.path} gives classes without the scores that windows are blended by: an older plusx exported it. "
            "Export it again with `plusx export RUN`, or take the model file with --runtime torch."
        )

    def shares(self, images: Image, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """B, H, W, C uint8 → class probabilities (B, K, H, W), times `weights` (H, W)."""
        return weighted_softmax(self._run(self.metadata.outputs[1], images), weights)

    def held(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        return array

    def chosen(self, sums: NDArray[np.float32]) -> NDArray[np.uint8]:
        return largest(sums)

    def _run(self, output: str, images: Image) -> NDArray[Any]:
        """One output; nothing that only others need is computed."""
        options = onnxruntime().RunOptions()
        options.only_execute_path_to_fetches = True
        return np.asarray(self.session.run([output], {INPUT: images}, options)[0])


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
