"""Hugging Face data sets made in memory."""

from typing import Any

import pytest
from PIL import Image as Picture

from plusx.core.errors import DataError, InputError
from plusx.core.targets import Label, Labels, Value
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.images import read_image

datasets = pytest.importorskip("datasets")


def pictures(count: int) -> list[Picture.Image]:
    return [Picture.new("RGB", (8, 6), (index, 0, 0)) for index in range(count)]


def made(labels: list[Any], feature: Any, **columns: list[Any]) -> Any:
    features = {"image": datasets.Image(), "label": feature}
    features |= {name: datasets.Value("string") for name in columns}
    values = {"image": pictures(len(labels)), "label": labels, **columns}
    return datasets.Dataset.from_dict(values, features=datasets.Features(features))


def targets(listing: Any, split: str = "train") -> list[Any]:
    return [sample.target for sample in listing.splits[split]]


def test_class_labels_keep_their_order_and_unlabelled_rows_are_left_out() -> None:
    listing = read(made([0, 1, -1, None, 2], datasets.ClassLabel(names=["zebra", "a|b", "ape"])))
    assert (listing.format, listing.kind, listing.classes) == ("huggingface", "label", ("zebra", "a|b", "ape"))
    assert targets(listing) == [Label(0), Label(1), Label(2)]
    assert listing.splits["train"][2].name == "train[4]"
    assert read_image(listing.splits["train"][2].image)[0, 0].tolist() == [4, 0, 0]
    assert "columns: image 'image', label 'label'" in listing.notes


def test_parts_of_a_dict() -> None:
    names = datasets.ClassLabel(names=["a", "b"])
    parts = {"train": made([0, 1], names), "validation": made([1, 1, 0], names), "extra": made([0], names)}
    listing = read(datasets.DatasetDict(parts))
    assert {split: len(samples) for split, samples in listing.splits.items()} == {"train": 2, "val": 3}
    assert listing.splits["val"][0].name == "val[0]"
    assert listing.notes[0] == "parts that are none of train, val, test left out: extra"
    with pytest.raises(DataError, match="The DatasetDict has the parts extra; expected train"):
        read(datasets.DatasetDict({"extra": parts["extra"]}))


def test_several_labels_values_and_text() -> None:
    several = read(made([[0], [], [0, 1]], datasets.Sequence(datasets.ClassLabel(names=["x", "w"]))))
    assert (several.kind, several.classes) == ("labels", ("x", "w"))
    assert targets(several) == [Labels((0,)), Labels(()), Labels((0, 1))]
    values = read(made([0.5, 2.0], datasets.Value("float32")))
    assert (values.kind, values.classes, targets(values)) == ("value", ("label",), [Value((0.5,)), Value((2.0,))])
    assert read(made(["b", "a"], datasets.Value("string"))).classes == ("a", "b")
    assert read(made([3, 5], datasets.Value("int64"))).classes == ("3", "5")


def test_columns_by_name() -> None:
    data = made([0, 1, 0], datasets.ClassLabel(names=["a", "b"]), person=["p", "q", "p"], colour=["red", "blue", "red"])
    listing = read(data, ReadOptions(label_column="colour", group_column="person"))
    assert listing.classes == ("blue", "red")
    assert [sample.group for sample in listing.splits["train"]] == ["p", "q", "p"]
    for options in (ReadOptions(label_column="lable"), ReadOptions(image_column="lable")):
        with pytest.raises(InputError, match=r"Unknown column 'lable'\. Did you mean label"):
            read(data, options)


def test_several_columns_of_values() -> None:
    data = made([0, 1], datasets.ClassLabel(names=["a", "b"]), x=["1.5", "2"], y=["3", "4"])
    listing = read(data, ReadOptions(label_column=("x", "y")))
    assert (listing.kind, listing.classes) == ("value", ("x", "y"))


def test_columns_that_cannot_be_told_apart() -> None:
    two = made([0, 1], datasets.ClassLabel(names=["a", "b"])).rename_column("label", "fine")
    two = two.add_column("coarse", [0, 1]).cast_column("coarse", datasets.ClassLabel(names=["c", "d"]))
    with pytest.raises(DataError, match="has 2 label columns among image, fine, coarse; name one with label_column"):
        read(two)
    with pytest.raises(DataError, match="has 0 image columns among label; name one with image_column"):
        read(made([0, 1], datasets.ClassLabel(names=["a", "b"])).remove_columns("image"))


def test_a_format_set_by_the_user_changes_nothing() -> None:
    data = made([0, 1], datasets.ClassLabel(names=["a", "b"])).with_format("numpy")
    listing = read(data)
    assert targets(listing) == [Label(0), Label(1)]
    assert read_image(listing.splits["train"][1].image).shape == (6, 8, 3)
