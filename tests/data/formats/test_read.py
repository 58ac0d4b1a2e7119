"""Recognition: every format its own sources and no other's; wrong sources are named."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from plusx.core.errors import DataError
from plusx.core.targets import Label
from plusx.data.formats.format import FORMATS
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.images import read_image
from plusx.data.shards.tar import TarWriter

datasets = pytest.importorskip("datasets")

CLASSES = ("cat", "dog")
LABELS = [1, 0, 1]


def colour(index: int) -> Image.Image:
    return Image.new("RGB", (8, 6), (40 * index, 9, 9))


def as_folders(root: Path) -> Any:
    for index, label in enumerate(LABELS):
        (root / CLASSES[label]).mkdir(exist_ok=True)
        colour(index).save(root / CLASSES[label] / f"{index}.png")
    return root


def as_table(root: Path) -> Any:
    for index in range(len(LABELS)):
        colour(index).save(root / f"{index}.png")
    rows = {"image": [f"{index}.png" for index in range(len(LABELS))], "label": [CLASSES[label] for label in LABELS]}
    pd.DataFrame(rows).to_csv(root / "table.csv", index=False)
    return root / "table.csv"


def as_arrays(root: Path) -> Any:
    return np.stack([np.asarray(colour(index)) for index in range(len(LABELS))]), [CLASSES[label] for label in LABELS]


def as_items(root: Path) -> Any:
    return [(colour(index), CLASSES[label]) for index, label in enumerate(LABELS)]


def as_hugging_face(root: Path) -> Any:
    names = datasets.ClassLabel(names=list(CLASSES))
    features = datasets.Features({"image": datasets.Image(), "label": names})
    return datasets.Dataset.from_dict({"image": [colour(i) for i in range(3)], "label": LABELS}, features=features)


def as_shards(root: Path) -> Any:
    with (root / "some.tar").open("wb") as file:
        writer = TarWriter(file)
        for index, label in enumerate(LABELS):
            content = io.BytesIO()
            colour(index).save(content, "PNG")
            writer.add(f"{index}.png", content.getvalue())
            writer.add(f"{index}.txt", CLASSES[label].encode())
        writer.finish()
    return root


EXAMPLES: dict[str, Callable[[Path], Any]] = {
    "folders": as_folders,
    "tables": as_table,
    "arrays": as_arrays,
    "torch dataset": as_items,
    "huggingface": as_hugging_face,
    "shards": as_shards,
}


OTHERS = {"parquet files"} | {"masks", "mask layers", "coco masks", "coco", "voc", "yolo", "table of boxes"}
"""Formats whose targets are no classes of images; tests of their own."""


def test_every_format_has_an_example() -> None:
    assert set(EXAMPLES) | OTHERS == set(FORMATS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_one_data_set_in_every_format_gives_the_same_images_and_labels(tmp_path: Path, name: str) -> None:
    listing = read(EXAMPLES[name](tmp_path))
    assert (listing.format, listing.kind, listing.classes) == (name, "label", CLASSES)
    found = {}
    for sample in listing.splits["train"]:
        assert isinstance(sample.target, Label)
        found[read_image(sample.image)[0, 0, 0].item() // 40] = sample.target.index
    assert found == dict(enumerate(LABELS))


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "flowers").mkdir()
    with pytest.raises(DataError, match=rf"{tmp_path}/flower does not exist\. Did you mean {tmp_path}/flowers\?"):
        read(tmp_path / "flower")
    with pytest.raises(DataError, match=rf"{tmp_path}/flover does not exist\. Did you mean {tmp_path}/flowers\?"):
        read(str(tmp_path / "flover" / "train" / "x"))


def test_a_relative_path_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DataError, match=rf"^nope does not exist in the current directory, {tmp_path}\. There are no fold"
    ):
        read("nope/")
    for name in ("rope", "flowers", ".nope"):
        (tmp_path / name).mkdir()
    for name in ("nope.txt", "nop.csv"):
        (tmp_path / name).touch()
    for source in ("nope/", "nope", Path("nope"), "nope/train/cat"):
        with pytest.raises(
            DataError, match=rf"^nope does not exist in the current directory, {tmp_path}\. Did you mean ro"
        ):
            read(source)
    with pytest.raises(DataError, match=r"The folders in \.: flowers, rope\."):
        read("xyz123/")
    with pytest.raises(DataError, match=r"^nap\.csv does not exist .* Did you mean nop\.csv"):
        read("nap.csv")
    (tmp_path / "rope" / "train").mkdir()
    with pytest.raises(DataError, match=r"Did you mean rope/train\?"):
        read("rope/trian")


def test_the_second_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^validation_data: .*/gone does not exist\."):
        read(as_folders(tmp_path), ReadOptions(validation_data=tmp_path / "gone"))


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(
        DataError, match=r"a\.jpg is no data set that is understood\. Expected one of:(.|\n)*\n- class folders: "
    ):
        read(tmp_path / "a.jpg")


@pytest.mark.parametrize("source", [None, 3, {"x": 1}, np.zeros((2, 4, 4)), (1, 2), b"x"])
def test_objects_that_are_no_data_set(source: Any) -> None:
    with pytest.raises(DataError, match=r"An object of type \w+ is no data set that is understood\. Expected one of:"):
        read(source)


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", os.fspath(path))

    source = as_folders(tmp_path)
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=rf"{tmp_path} could not be read: Permission denied"):
        read(source)
