"""The settings of the verbs beside fit: the single source for the shell's options and Python's keywords.

Needs no torch, so that `plusx evaluate --help` answers at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from plusx.workflows.options import WORKERS, ReadingSettings, option

Runtime: TypeAlias = Literal["auto", "onnx", "openvino", "openvino-bf16", "torch"]
"""What runs a model."""

TTA = "flip: the mean answer to the image and to its mirror image, in twice the time; not of boxes and masks"
OVERLAP = "share of a window that the next one shows again; where they overlap their probabilities are blended"


@dataclass(frozen=True)
class EvaluateSettings(ReadingSettings):
    """Measure a trained model on labelled images."""

    split: Literal["auto", "train", "val", "test", "all"] = option(
        "auto", "which images to measure on; auto: test where there is one, else val, else all"
    )
    tile: Literal["auto", "whole"] | int = option(
        "whole",
        "of masks: auto or N as in predict, and scores are counted on the images' own pixels; whole: on the network's "
        "input, as in training",
        least=32,
    )
    overlap: float = option(0.25, OVERLAP, least=0, below=1)
    tta: Literal["none", "flip"] = option("none", TTA)
    batch_size: int = option(32, "images per step", least=1, section="The machine")
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps")
    workers: int | None = option(None, WORKERS, least=0)


@dataclass(frozen=True)
class EvaluateInShell(EvaluateSettings):
    """Measure a trained model on labelled images, read as the run read its own unless options say otherwise."""

    json: bool = option(False, "print one JSON object", section="The result")


@dataclass(frozen=True)
class PredictSettings:
    """Predict for files, folders and globs."""

    format: Literal["table", "json", "csv", "coco", "yolo", "geojson"] = option(
        "table", "how to print: a table, JSON lines or CSV; or the boxes and masks as files, with out"
    )
    top: int = option(3, "how many classes to print for each image", least=1)
    threshold: float | None = option(
        None, "score from which on boxes, or labels of several, are shown; none: the model's", least=0
    )
    tile: Literal["auto", "whole"] | int = option(
        "auto",
        "of masks: cut an image into windows of N pixels a side; whole: none; auto: as large as the largest image of "
        "the training, where it is larger",
        least=32,
    )
    overlap: float = option(0.25, OVERLAP, least=0, below=1)
    tta: Literal["none", "flip"] = option("none", TTA)
    batch_size: int = option(32, "images per step", least=1)
    workers: int | None = option(None, "threads that decode images; none: as the machine has cores", least=0)
    runtime: Runtime = option(
        "auto", "auto: the exported file in ONNX Runtime where there is one; openvino-bf16: half precision, faster"
    )
    out: Path | None = option(None, "file to write to, none: print; of boxes and masks as files a new directory")
    save: Path | None = option(None, "folder for pictures with what was predicted; masks as files of indices too")


@dataclass(frozen=True)
class ModelsSettings:
    """List architectures and pretrained weights."""

    sort: Literal["name", "parameters", "multiply-adds", "top-1"] = option(
        "name", "what the list is sorted by: the cheapest first, the best published top-1 first"
    )
    table: bool = option(False, "print a Markdown table: costs, counted now, beside the papers' figures")
    json: bool = option(False, "print JSON lines")


@dataclass(frozen=True)
class RecipesSettings:
    """List recipes: sets of published settings; or show all settings of one, with their sources."""

    plot: Path | None = option(None, "file for the rate over the epochs, of the recipe named: out.svg")
    table: bool = option(False, "print a Markdown table of all")
    json: bool = option(False, "print JSON: a line a recipe, or the one with all its settings")


@dataclass(frozen=True)
class CheckSettings(ReadingSettings):
    """Audit a data set: read every file once and say what is wrong. Never writes into it."""

    missing_files: Literal["error", "skip"] = option(
        "skip", "rows of a table whose image is not there; an error with strict"
    )
    strict: bool = option(False, "fail at any finding")
    report: Path | None = option(None, "page to write, with pictures: out.html", section="The result")
    fix_list: Path | None = option(
        None, "CSV to write, with the names of images to leave out and why, for --exclude: out.csv"
    )
    workers: int | None = option(
        None, "processes that read images; none: as the machine has cores", least=0, section="The machine"
    )


@dataclass(frozen=True)
class CheckInShell(CheckSettings):
    """Audit a data set: read every file once and say what is wrong. Never writes into it."""

    json: bool = option(False, "print one JSON object")


@dataclass(frozen=True)
class ConvertSettings:
    """Write boxes in another format: COCO, Pascal VOC, YOLO or CSV. The source is only read."""

    image_column: str | None = option(
        None, "column of a table that names the image; none: found by name", section="The data"
    )
    label_column: str | None = option(None, "column of a table with the class; none: found by name")
    split_column: str | None = option(None, "column of a table that says train, val or test")
    missing_files: Literal["error", "skip"] = option("error", "annotations whose image is not there")
    exclude: Path | None = option(None, "file with one image name a line to leave out")
    to: Literal["coco", "voc", "yolo", "csv"] = option("coco", "the format to write", section="The result")
    out: Path | None = option(None, "directory to write to, new or empty; has to be given")
    images: Literal["copy", "link", "none"] = option(
        "copy", "copy the images, link to them, or write annotations alone, which name them as the source does"
    )


@dataclass(frozen=True)
class ShardSettings(ReadingSettings):
    """Write a data set into a few large files (tar or Parquet), for disks and networks that dislike many small ones."""

    to: Literal["tar", "parquet"] = option(
        "tar", "tar: as WebDataset has it, needs no library; parquet: a table of images", section="The result"
    )
    size: str = option("256MB", "bytes of images in a shard, at most: 64MB, 1GB")
    images: int | None = option(None, "images in a shard, instead of a size", least=1)
    workers: int | None = option(None, "processes that write shards; none: as the machine has cores", least=1)


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


@dataclass(frozen=True)
class ReplaySettings:
    """Compute a training step again whose loss was not finite: which images, which layer."""

    device: str = option("auto", "auto (the run's, where it is here), cpu, cuda, cuda:1, mps")


@dataclass(frozen=True)
class ReplayInShell(ReplaySettings):
    """Compute a training step again whose loss was not finite: which images, which layer."""

    json: bool = option(False, "print one JSON object", section="The result")
