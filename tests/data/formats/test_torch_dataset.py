"""Anything indexable that gives (image, label)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from torchvision.datasets import FakeData, ImageFolder

from plusx.core.errors import DataError
from plusx.core.sample import Listing
from plusx.core.targets import Label, Labels, Value
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.images import read_image


class Items(Dataset[Any]):
    """Counts how often an item is fetched."""

    def __init__(self, labels: list[Any]) -> None:
        self.labels = labels
        self.fetched = 0

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Any:
        self.fetched += 1
        return Image.new("RGB", (8, 6), (index, 0, 0)), self.labels[index]


class Targeted(Items):
    def __init__(self, targets: Any, classes: list[str] | None = None) -> None:
        super().__init__(list(targets))
        self.targets = targets
        if classes is not None:
            self.classes = classes


def targets(listing: Listing) -> list[Any]:
    return [sample.target for sample in listing.splits["train"]]


def test_items_are_fetched_once_for_their_labels_and_again_for_the_image() -> None:
    items = Items([1, 0, 1])
    listing = read(items)
    assert (listing.format, listing.kind, listing.classes) == ("torch dataset", "label", ("0", "1"))
    assert targets(listing) == [Label(1), Label(0), Label(1)]
    assert listing.notes == ("labels were read by fetching every item once",)
    assert items.fetched == 4  # three labels, and one look at what an item is
    assert read_image(listing.splits["train"][2].image)[0, 0].tolist() == [2, 0, 0]


@pytest.mark.parametrize("labels", [[1, 0, 1], torch.tensor([1, 0, 1]), np.array([1, 0, 1]), (1, 0, 1)])
def test_targets_are_used_where_there_are_any(labels: Any) -> None:
    items = Targeted([*labels] * 4 if isinstance(labels, list) else labels, ["zebra", "ape"])
    listing = read(items)
    assert items.fetched == 4  # first, middle and last to compare, and one look at what an item is
    assert listing.classes == ("zebra", "ape")  # in the order their indices count
    assert targets(listing)[:3] == [Label(1), Label(0), Label(1)]
    assert listing.notes == ()


def test_class_names_that_are_numbers() -> None:
    listing = read(Targeted([0, 2, 1], ["1", "2", "3"]))
    assert targets(listing) == [Label(0), Label(2), Label(1)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([torch.tensor(1), torch.tensor(0)], [Label(1), Label(0)]),
        ([np.int64(1), np.int64(0)], [Label(1), Label(0)]),
        ([torch.tensor([1, 1]), torch.tensor([0, 1])], [Labels((0, 1)), Labels((1,))]),
        ([0.5, 2.0], [Value((0.5,)), Value((2.0,))]),
        ([torch.tensor([0.5, 1]), torch.tensor([2.0, 3])], [Value((0.5, 1.0)), Value((2.0, 3.0))]),
        (["b", "a"], [Label(1), Label(0)]),
    ],
)
def test_labels_of_items(labels: list[Any], expected: list[Any]) -> None:
    assert targets(read(Items(labels))) == expected


def test_subset_uses_the_targets_of_its_dataset() -> None:
    items = Targeted([0, 1, 1, 0])
    listing = read(Subset(items, [1, 3]))
    assert targets(listing) == [Label(1), Label(0)]
    assert items.fetched == 3
    assert read_image(listing.splits["train"][1].image)[0, 0].tolist() == [3, 0, 0]


def coloured(root: Path, **classes: int) -> ImageFolder:
    for name, count in classes.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 6)).save(root / name / f"{number}.png")
    return ImageFolder(str(root))


def names_of(listing: Listing) -> list[str]:
    return [listing.classes[target.index] for target in targets(listing)]


def test_a_random_split_keeps_the_class_names(tmp_path: Path) -> None:
    whole = coloured(tmp_path, cat=4, dog=4, eel=1)
    train, val = random_split(whole, [6, 3], torch.Generator().manual_seed(0))
    listing = read(train, ReadOptions(validation_data=val))
    assert listing.classes == ("cat", "dog", "eel")
    assert names_of(listing) == [whole.classes[whole.targets[index]] for index in train.indices]
    assert listing.notes == ()


@pytest.mark.parametrize("indices", [[5, 1, 2], np.array([5, 1, 2]), torch.tensor([5, 1, 2]), range(3)])
def test_subsets_of_subsets(tmp_path: Path, indices: Any) -> None:
    whole = coloured(tmp_path, cat=4, dog=4)
    listing = read(Subset(Subset(whole, [7, 0, 1, 2, 3, 4]), indices))
    assert listing.classes == ("cat", "dog")
    assert names_of(listing) == (["dog", "cat", "cat"])


def test_subset_of_a_dataset_without_targets() -> None:
    items = Items([1, 0, 1])
    items.classes = ["zebra", "ape"]  # pyrefly: ignore[missing-attribute] - as torchvision's Food101 has it
    assert names_of(read(Subset(items, [0, 1]))) == ["ape", "zebra"]


def test_joined_datasets(tmp_path: Path) -> None:
    first, second = coloured(tmp_path / "a", cat=2, dog=2), coloured(tmp_path / "b", cat=1, dog=1)
    listing = read(ConcatDataset([Subset(first, [0, 3]), second]))
    assert (listing.classes, listing.notes) == (("cat", "dog"), ())
    assert names_of(listing) == ["cat", "dog", "cat", "dog"]
    other = coloured(tmp_path / "c", ant=1, bee=1)
    listing = read(ConcatDataset([first, other]))
    assert listing.classes == ("0", "1")
    text = "the joined data sets name their classes differently (cat, dog; ant, bee); classes are called by number"
    assert listing.notes == (text,)


def test_one_hot_targets_keep_all_classes() -> None:
    assert read(Targeted(torch.eye(4)[[0, 2, 2]])).classes == ("0", "1", "2", "3")


def test_tensor_dataset() -> None:
    listing = read(TensorDataset(torch.zeros(3, 3, 8, 6, dtype=torch.uint8), torch.tensor([0, 1, 0])))
    assert targets(listing) == [Label(0), Label(1), Label(0)]
    assert read_image(listing.splits["train"][0].image).shape == (8, 6, 3)


def test_torchvision_datasets(tmp_path: Path) -> None:
    for name in ("dog", "cat"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 6)).save(tmp_path / name / "1.png")
    assert read(ImageFolder(str(tmp_path))).classes == ("cat", "dog")
    assert len(read(FakeData(5, (3, 8, 6), 2)).splits["train"]) == 5


def test_validation_data_and_a_list_of_pairs() -> None:
    image = np.zeros((8, 6, 3), np.uint8)
    listing = read([(image, "a"), (image, "b"), (image, "a")], ReadOptions(validation_data=[(image, "c")]))
    assert listing.classes == ("a", "b", "c")
    assert listing.splits["val"][0].name == "val[0]"


def test_datasets_that_cannot_be_used() -> None:
    class Three(Items):
        def __getitem__(self, index: int) -> Any:
            return 1, 2, 3

    with pytest.raises(DataError, match=r"dataset\[0\] gives 3 parts; expected \(image, label\)"):
        read(Three([0, 1]))
    with pytest.raises(DataError, match=r"dataset\[0\] gives an object of type str; expected \(image, label\)"):
        read(["a", "b"])
    with pytest.raises(DataError, match="The dataset is empty; expected at least two items"):
        read(Items([]))
    with pytest.raises(DataError, match=r"Label 2 is outside of 0\.\.1, the indices of the 2 classes"):
        read(Targeted([0, 2], ["a", "b"]))
    with pytest.raises(DataError, match=r"Labels have different shapes, e\.g\. \[\(1,\), \(2,\)\]"):
        read(Items([torch.zeros(2), torch.zeros(1)]))
    too_many = Targeted([0, 1])
    too_many.targets = [0, 1, 1]
    with pytest.raises(DataError, match="The dataset has 2 items and 3 targets; expected equally many"):
        read(too_many)


def test_items_that_transform_their_targets_are_believed() -> None:
    class Shifted(Targeted):
        def __getitem__(self, index: int) -> Any:
            image, label = super().__getitem__(index)
            return image, 1 - label

    listing = read(Shifted([1, 0, 1]))
    assert targets(listing) == [Label(0), Label(1), Label(0)]
    assert any("are not the labels of its items" in note for note in listing.notes)
