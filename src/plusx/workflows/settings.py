"""The settings of every verb: the single source for the shell's options, Python's keywords and the run's JSON.

Needs no torch, so that `plusx fit --help` answers at once.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from plusx.core.errors import unknown

S = TypeVar("S")


def option(default: Any, help: str) -> Any:  # noqa: A002 - the word the shell uses
    """A field with the text that `--help` shows."""
    return dataclasses.field(default=default, metadata={"help": help})


def settings_from(cls: type[S], values: Mapping[str, Any]) -> S:
    """`cls(**values)`; InputError with the three nearest names for a setting that does not exist."""
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    known = [field.name for field in fields]
    for name in values:
        if name not in known:
            raise unknown("setting", name, known)
    paths = {field.name for field in fields if "Path" in str(field.type)}
    return cls(**{k: Path(v) if k in paths and isinstance(v, str) else v for k, v in values.items()})


def changed_from_default(settings: Any) -> dict[str, Any]:
    """The settings that differ from their defaults: what a report and a resumed run show."""
    fields = dataclasses.fields(settings)
    return {f.name: getattr(settings, f.name) for f in fields if getattr(settings, f.name) != f.default}


@dataclass(frozen=True)
class FitSettings:
    """Fine-tune a residual network on your own images."""

    # the model
    model: str = option("resnet18", "architecture, or architecture.tag for pretrained weights: resnet50.a1_in1k")
    weights: str | None = option(
        None, "imagenet (best permissive weights), a tag, or a local file; none: train from scratch"
    )
    task: Literal["auto", "classify", "multilabel", "regress"] = option("auto", "auto: what the labels are")
    # the data
    image_column: str | None = option(None, "column of a table that names the image; none: found by content")
    label_column: tuple[str, ...] | None = option(None, "column of a table with the label; several for several values")
    separator: str | None = option(None, "what stands between several labels of one image, e.g. ';'")
    group_column: str | None = option(None, "column whose equal values stay on one side of the validation split")
    group_pattern: str | None = option(None, "regular expression on the file name; equal matches stay on one side")
    val_fraction: float = option(0.2, "share of the images to validate on, where the data brings no validation split")
    balance: Literal["none", "weights", "sampling"] = option(
        "none", "against class imbalance: weigh the loss or the draw"
    )
    image_size: int | None = option(
        None, "height and width of the network's input in pixels; none: that of the weights"
    )
    image_fit: Literal["crop", "squash", "pad"] | None = option(None, "how an image is brought to that size")
    strict: bool = option(False, "stop at any finding of the data audit")
    exclude: Path | None = option(None, "file with one image name a line to leave out")
    # the training
    recipe: Literal["auto", "finetune", "scratch-small", "paper"] = option(
        "auto", "set of published settings to start from"
    )
    epochs: int | None = option(None, "passes over the training images; none: the recipe's")
    batch_size: int | None = option(None, "images per step; none: the recipe's")
    rate: float | None = option(None, "peak learning rate; none: the recipe's")
    frozen_epochs: int | None = option(None, "epochs in which only the head is trained; none: the recipe's")
    patience: int | None = option(None, "stop after this many epochs without improvement; none: never")
    flip: bool = option(True, "mirror training images at random; switch off where left and right differ (digits, text)")
    accumulate: int = option(1, "batches whose gradients are added up for one step")
    seed: int = option(0, "seed of everything random")
    # the machine
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = option("auto", "auto: what this device runs faster")
    channels_last: Literal["auto", "yes", "no"] = option("auto", "auto: what this device runs faster")
    compile: Literal["auto", "yes", "no"] = option("auto", "auto: only when the run is long enough to repay it")
    workers: int | None = option(None, "processes that load images; none: as the machine has cores")
    # the run
    out: Path | None = option(None, "directory of the run; none: a new one below runs/")
    overwrite: bool = option(False, "replace the directory given by --out if it exists")
    resume: Path | None = option(None, "run directory to go on with; only --epochs may change")
    export: bool = option(True, "leave model.onnx as well, compared with the model")
    weights_dir: Path | None = option(
        None, "where weight files are looked for and kept; none: $PLUSX_WEIGHTS or the cache"
    )


@dataclass(frozen=True)
class EvaluateSettings:
    """Measure a trained model on labelled images."""

    split: str = option("auto", "train, val or test; auto: test where there is one, else val, else all")
    image_column: str | None = option(None, "column of a table that names the image")
    label_column: tuple[str, ...] | None = option(None, "column of a table with the label")
    batch_size: int = option(32, "images per step")
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps")
    workers: int | None = option(None, "processes that load images; none: as the machine has cores")
    json: bool = option(False, "print one JSON object")


@dataclass(frozen=True)
class PredictSettings:
    """Predict for files, folders and globs."""

    format: Literal["table", "json", "csv"] = option("table", "how to print: a table, JSON lines or CSV")
    top: int = option(3, "how many classes to print for each image")
    batch_size: int = option(32, "images per step")
    workers: int | None = option(None, "threads that decode images; none: as the machine has cores")
    runtime: Literal["auto", "onnx", "torch"] = option("auto", "auto: the exported file where there is one")
    out: Path | None = option(None, "file to write to; none: print")


@dataclass(frozen=True)
class ModelsSettings:
    """List architectures and pretrained weights."""

    json: bool = option(False, "print JSON lines")


@dataclass(frozen=True)
class CheckSettings:
    """Audit a data set: read every file once and say what is wrong. Never writes into it."""

    image_column: str | None = option(None, "column of a table that names the image")
    label_column: tuple[str, ...] | None = option(None, "column of a table with the label")
    separator: str | None = option(None, "what stands between several labels of one image, e.g. ';'")
    workers: int | None = option(None, "processes that read images; none: as the machine has cores")
    strict: bool = option(False, "exit with an error at any finding")
    json: bool = option(False, "print one JSON object")


@dataclass(frozen=True)
class WeightsSettings:
    """Show, download or convert a set of weights."""

    download: bool = option(False, "fetch the file if it is not here")
    to: Literal["torchvision", "timm"] | None = option(None, "write the weights with that library's names")
    out: Path | None = option(None, "file to write with --to")
    weights_dir: Path | None = option(
        None, "where weight files are looked for and kept; none: $PLUSX_WEIGHTS or the cache"
    )


@dataclass(frozen=True)
class ExportSettings:
    """Make a file to deploy, and prove that it agrees with the model."""

    to: Literal["onnx", "torch", "openvino"] = option("onnx", "file format")
    out: Path | None = option(None, "file to write; none: model.* in the run directory")
    data: Path | None = option(None, "images to compare on; none: the run's validation images")
