"""The verb `predict`: a finished model on any number of images. With an exported file torch is never loaded."""

import itertools
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeAlias, Union

from plusx.core.errors import InputError, PlusxError, StorageError
from plusx.core.prediction import Box, BoxesPrediction, LabelPrediction, Prediction
from plusx.deploy.mirroring import Mirroring
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.deploy.predictor import Predictor, usable_threads
from plusx.deploy.tiling import Tile, Tiling
from plusx.workflows.directory import RunDirectory
from plusx.workflows.options import settings_from
from plusx.workflows.pictures import check_folder, keep
from plusx.workflows.prediction_files import files_for
from plusx.workflows.prediction_text import FORMATS
from plusx.workflows.settings import PredictSettings, Runtime
from plusx.workflows.sources import Images, Read, Unreadable, find_images, read_ahead

if TYPE_CHECKING:
    from plusx.core.card import Card
    from plusx.core.task import Task

Tta: TypeAlias = Literal["none", "flip"]
Model: TypeAlias = Union[str, os.PathLike[str], Predictor, "tuple[Task, Card]"]
"""A run directory, its model.onnx or model.safetensors; an open `Predictor`; or a task with its card."""

EXPORTED, MODEL = ".onnx", ".safetensors"
"""How the names of exported files and of model files end."""

WINDOW_BYTES = 2**28
"""Decoded images are given to the model when there are a batch of them, or this much."""

log = logging.getLogger("plusx")


def predict(
    model: Model,
    images: Images,
    *,
    batch_size: int = 32,
    workers: int | None = None,
    top: int | None = None,
    runtime: Runtime = "auto",
    save: Path | None = None,
    threshold: float | None = None,
    tile: Tile = "auto",
    overlap: float = 0.25,
    tta: Tta = "none",
) -> Iterator[Prediction | Unreadable]:
    """Yields a prediction for every image, in their order, as they come: memory does not grow with their number.

    images: files, folders, patterns, file: URLs, uint8 arrays, PIL images, or an iterable of these. What cannot be read
    is Unreadable in the results, and the rest goes on. workers: threads that decode; none: as the machine has cores.
    top: keep only so many classes in `probabilities`. runtime: of a run directory, "auto" takes the exported file
    where there is one (it was compared with the model), "torch" the model file; "openvino" runs the exported file
    there, "openvino-bf16" in half precision. save: a folder for the images with
    what was predicted drawn on them or written below, and for masks as files. threshold: score from which on boxes, or
    labels of several, are shown; none: the model's. tile, overlap: of masks, as in `deploy.tiling.Tiling`.
    tta: "flip": the mean answer to the image and to its mirror image; not of boxes and masks.
    It is an iterator, gone through once: `for one in plusx.predict(...)`, or `list(plusx.predict(...))` to keep all.
    InputError, at once, for a model or a single path that does not exist.
    """
    asked = settings_from(
        PredictSettings,
        {
            "batch_size": batch_size,
            "workers": workers,
            "top": 1 if top is None else top,
            "threshold": threshold,
            "tile": tile,
            "overlap": overlap,
            "tta": tta,
        },
    )
    predictor = open_predictor(model, runtime=runtime)
    predictor = Mirroring(predictor) if asked.tta == "flip" else predictor
    if asked.threshold is not None:
        predictor = predictor.with_threshold(asked.threshold)
    if isinstance(asked.tile, int):
        predictor.scorer()  # a model without one is said here, not at the first result
    found = find_images(images)
    first = list(itertools.islice(found, 1))  # a wrong path is said here, not at the first result
    threads = min(8, usable_threads()) if workers is None else workers
    read = read_ahead(itertools.chain(first, found), predictor.mode, threads=threads, ahead=batch_size + 2 * threads)
    if save is not None:
        check_folder(save)
    steps = Steps(batch_size, Tiling(asked.tile, asked.overlap), save)
    return _keep_top(_predicted(predictor, read, steps), top)


def open_predictor(model: Model, *, runtime: Runtime = "auto") -> Predictor:
    """What `model` stands for, ready to predict. InputError where there is no such model, or not for that runtime."""
    if isinstance(model, Predictor):
        return model
    if isinstance(model, tuple):
        from plusx.deploy.torch_predictor import TorchPredictor

        return TorchPredictor(*model)
    if not isinstance(model, (str, os.PathLike)):
        raise InputError(
            f"model: found {type(model).__name__}, expected a run, its path or a model file. What plusx.load gives "
            "predicts by itself: model.predict(images)."
        )
    path = Path(model)
    if path.is_dir():
        path = _file_of_run(RunDirectory(path), runtime)
    if not path.is_file():
        raise InputError(f"There is no model {path}. Give a run directory, its model.onnx, or its model.safetensors.")
    if path.suffix not in (taken := _takes(runtime)):
        raise InputError(
            f"{path} cannot be run with runtime {runtime!r}, which takes a file that ends in {' or '.join(taken)}."
        )
    return _open_model_file(path) if path.suffix == MODEL else _open_exported(path, runtime)


def _takes(runtime: Runtime) -> tuple[str, ...]:
    """How names of files end that it runs."""
    return {"auto": (EXPORTED, MODEL), "torch": (MODEL,)}.get(runtime, (EXPORTED,))


def _open_exported(path: Path, runtime: Runtime) -> Predictor:
    if runtime in ("auto", "onnx"):
        return OnnxPredictor(path)
    from plusx.deploy.openvino_predictor import OpenVinoPredictor

    return OpenVinoPredictor(path, precision="bf16" if runtime == "openvino-bf16" else "fp32")


def _file_of_run(run: RunDirectory, runtime: Runtime) -> Path:
    for file in (run.onnx, run.model):
        if file.suffix in _takes(runtime) and file.is_file():
            return file
    if not run.model.is_file():
        raise run.without_model()
    raise InputError(f"{run.path} holds no {run.onnx.name}. Make it with `plusx export {run.path}`.")


def _open_model_file(path: Path) -> Predictor:
    """On the GPU where there is one."""
    import torch

    from plusx.deploy.torch_predictor import TorchPredictor
    from plusx.weights.modelfile import load_model

    loaded = load_model(path, "cuda" if torch.cuda.is_available() else "cpu")
    return TorchPredictor(loaded.task, loaded.card)


@dataclass(frozen=True)
class Steps:
    """How images go to the model: so many at a time, cut like this; `save`: a folder for pictures."""

    batch_size: int
    tiling: Tiling
    save: Path | None


def _predicted(
    predictor: Predictor, read: Iterator[Read | Unreadable], steps: Steps
) -> Iterator[Prediction | Unreadable]:
    window: list[Read | Unreadable] = []
    size = 0
    for one in read:
        window.append(one)
        size += one.pixels.nbytes if isinstance(one, Read) else 0
        if len(window) == steps.batch_size or size >= WINDOW_BYTES:
            yield from _of_window(predictor, window, steps)
            window, size = [], 0
    yield from _of_window(predictor, window, steps)


def _of_window(
    predictor: Predictor, window: list[Read | Unreadable], steps: Steps
) -> Iterator[Prediction | Unreadable]:
    images = [one for one in window if isinstance(one, Read)]
    pixels, names = [one.pixels for one in images], [one.name for one in images]
    found = predictor.predict(pixels, names, batch_size=steps.batch_size, tiling=steps.tiling)
    if steps.save is not None:
        for one, prediction in zip(pixels, found, strict=True):
            keep(steps.save, one, prediction, predictor.card.classes)
    predictions = iter(found)
    return iter([next(predictions) if isinstance(one, Read) else one for one in window])


def _keep_top(results: Iterator[Prediction | Unreadable], top: int | None) -> Iterator[Prediction | Unreadable]:
    for one in results:
        if top is not None and isinstance(one, LabelPrediction):
            yield replace(one, probabilities=dict(itertools.islice(one.probabilities.items(), top)))
        else:
            yield one


def predict_to_text(model: Model, images: Images, **settings: Any) -> int:
    """`predict`, written as a table, JSON lines or CSV while it goes on, or as files. Returns the exit code.

    settings: the fields of PredictSettings. Images that could not be read are named on the log as well, and make the
    exit code 1. An existing `out` is never overwritten.
    """
    asked = settings_from(PredictSettings, settings)
    predictor = open_predictor(model, runtime=asked.runtime)
    files = None if asked.format in FORMATS else files_for(asked.format, predictor.task_name, asked.out)
    results = predict(
        predictor,
        images,
        batch_size=asked.batch_size,
        workers=asked.workers,
        top=asked.top,
        save=asked.save,
        threshold=asked.threshold,
        tile=asked.tile,
        overlap=asked.overlap,
        tta=asked.tta,
    )
    counts: Counter[type] = Counter()
    told = _told(results, counts)
    lines = FORMATS[asked.format](told) if files is None else files.write(told, predictor.card.classes)
    with _stream(asked.out if files is None else None) as stream:
        for line in lines:
            print(line, file=stream, flush=True)  # an interruption leaves all that came before
    failed = counts[Unreadable]
    if failed:
        log.warning("%d of %d images could not be read", failed, counts.total() - counts[Box])
    if counts[BoxesPrediction] and not counts[Box]:
        log.info(_without_boxes(predictor.config, asked.threshold))
    return 1 if failed else 0


def _without_boxes(config: Mapping[str, Any], asked: float | None) -> str:
    shown, least = config.get("threshold", 0.0) if asked is None else asked, config.get("least", 0.0)
    further = f"; less sure ones: --threshold {least:g}" if shown > least else ""
    return f"no box has a score of {shown:g} or more{further}"


def _told(results: Iterator[Prediction | Unreadable], counts: Counter[type]) -> Iterator[Prediction | Unreadable]:
    """The results and their boxes, counted by type; on the way the log names what could not be read."""
    for one in results:
        counts[type(one)] += 1
        if isinstance(one, BoxesPrediction):
            counts[Box] += len(one.boxes)
        if isinstance(one, Unreadable):
            log.warning("%s: %s", one.name, one.reason)
        yield one


@contextmanager
def _stream(out: Path | None) -> Iterator[TextIO]:
    """Standard output, a new file, or what is there and keeps nothing, such as a pipe."""
    if out is None:
        yield sys.stdout
        return
    if out.is_file():
        raise InputError(f"{out} exists. Give another name with --out, or delete it.")
    try:
        with out.open("w" if out.exists() else "x", encoding="utf-8", newline="") as stream:
            yield stream
    except PlusxError:
        raise
    except OSError as error:
        raise StorageError(
            f"{out} could not be written: {error.strerror}. Results up to here may be in it; free some space, or give "
            "another place with --out."
        ) from error
