"""(x, y) as in Keras, with numpy arrays, tensors and lists."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from plusx.core.errors import DataError
from plusx.core.sample import Listing
from plusx.core.targets import Label, Labels, Value
from plusx.data.audit import audit
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.images import read_image


def pixels(count: int = 4, shape: tuple[int, ...] = (5, 6, 3)) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def decoded(listing: Listing, split: str = "train") -> list[Any]:
    return [read_image(sample.image) for sample in listing.splits[split]]


def targets(listing: Listing, split: str = "train") -> list[Any]:
    return [sample.target for sample in listing.splits[split]]


def test_integer_labels() -> None:
    x = pixels()
    listing = read((x, np.array([3, 10, 3, 0])))
    assert (listing.kind, listing.classes, listing.format) == ("label", ("0", "3", "10"), "arrays")
    assert targets(listing) == [Label(1), Label(2), Label(1), Label(0)]
    assert [sample.name for sample in listing.splits["train"]] == ["train[0]", "train[1]", "train[2]", "train[3]"]
    assert np.array_equal(decoded(listing), x)
    assert listing.notes == ("x: 4×5×6×3 (N×H×W×C)",)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
def test_one_hot_labels(dtype: Any) -> None:
    y = np.eye(3, dtype=dtype)[[2, 0, 1, 1]]
    listing = read((pixels(), y))
    assert (listing.kind, listing.classes) == ("label", ("0", "1", "2"))
    assert targets(listing) == [Label(2), Label(0), Label(1), Label(1)]


def test_several_hot_labels() -> None:
    listing = read((pixels(), np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]])))
    assert listing.kind == "labels"
    assert targets(listing) == [Labels((0, 2)), Labels(()), Labels((1,)), Labels((0, 1, 2))]


def test_one_hot_taken_for_several_or_for_values_when_asked() -> None:
    y = np.eye(4)
    assert targets(read((pixels(), y), ReadOptions(kind="labels")))[1] == Labels((1,))
    assert targets(read((pixels(), y), ReadOptions(kind="value")))[1] == Value((0.0, 1.0, 0.0, 0.0))


@pytest.mark.parametrize("y", [np.array([1.5, 2, 3, 4]), np.array([[1.5], [2], [3], [4]]), [1.5, 2.0, 3.0, 4.0]])
def test_values(y: Any) -> None:
    listing = read((pixels(), y))
    assert (listing.kind, listing.classes) == ("value", ("value",))
    assert targets(listing) == [Value((1.5,)), Value((2.0,)), Value((3.0,)), Value((4.0,))]


def test_several_values() -> None:
    listing = read((pixels(2), np.array([[1.5, 2], [3, 4]])))
    assert listing.classes == ("value1", "value2")
    assert targets(listing) == [Value((1.5, 2.0)), Value((3.0, 4.0))]


@pytest.mark.parametrize("y", [np.array([[0], [1], [1], [0]]), np.array([0.0, 1.0, 1.0, 0.0], np.float32)])
def test_labels_in_a_column_and_binary_floats(y: Any) -> None:
    listing = read((pixels(), y))
    assert (listing.kind, listing.classes) == ("label", ("0", "1"))


def test_text_labels() -> None:
    for y in (np.array(["dog", "cat", "dog", "cat"]), ["dog", "cat", "dog", "cat"]):
        assert read((pixels(), y)).classes == ("cat", "dog")


def test_class_names_for_integers() -> None:
    listing = read((pixels(), [1, 0, 1, 0]), ReadOptions(classes=("shirt", "shoe", "hat")))
    assert listing.classes == ("shirt", "shoe", "hat")
    assert targets(listing) == [Label(1), Label(0), Label(1), Label(0)]


def test_validation_data() -> None:
    x, y = pixels(), [0, 1, 0, 1]
    listing = read((x, y), ReadOptions(validation_data=(x[:2], [2, 0])))
    assert {split: len(samples) for split, samples in listing.splits.items()} == {"train": 4, "val": 2}
    assert listing.classes == ("0", "1", "2")
    assert listing.splits["val"][0].name == "val[0]"


def test_pairs_as_keras_loads_them() -> None:
    x, y = pixels(), np.array([[0], [1], [0], [1]])
    listing = read(((x, y), (x[:3], y[:3])))
    assert {split: len(samples) for split, samples in listing.splits.items()} == {"train": 4, "test": 3}
    assert listing.splits["test"][2].name == "test[2]"


def test_scale_is_decided_once_over_the_whole_array() -> None:
    x = np.zeros((2, 4, 4), np.float32)
    x[0], x[1] = 1, 200
    listing = read((x, [0, 1]))
    assert decoded(listing)[0].max() == 1  # alone it would be taken for 0..1 and become white
    assert listing.notes == ("x: 2×4×4 (N×H×W) float32, values 1..200 taken as 0..255",)
    assert decoded(read((x / 255, [0, 1])))[1].max() == 200
    assert "taken as 0..65535" in read(((x * 257).astype(np.uint16), [0, 1])).notes[0]


def test_pixels_are_not_copied() -> None:
    x = pixels()
    listing = read((x, [0, 1, 0, 1]))
    x[2] = 7
    assert decoded(listing)[2].max() == 7


def test_channel_order() -> None:
    x = pixels()
    first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    assert np.array_equal(decoded(read((first, [0, 1, 0, 1]))), x)
    tensor = torch.from_numpy(first)
    assert np.array_equal(decoded(read((tensor, torch.tensor([0, 1, 0, 1])))), x)
    grey = pixels(4, (1, 28, 28))
    assert decoded(read((grey, [0, 1, 0, 1])))[0].shape == (28, 28, 3)
    narrow = pixels(4, (3, 9, 3))
    assert decoded(read((narrow, [0, 1, 0, 1])))[0].shape == (3, 9, 3)
    assert decoded(read((torch.from_numpy(narrow), [0, 1, 0, 1])))[0].shape == (9, 3, 3)


def test_list_of_images_of_different_sizes(tmp_path: Path) -> None:
    Image.new("RGB", (9, 8), "red").save(tmp_path / "a.png")
    listing = read(([pixels(1)[0], Image.new("RGB", (7, 7)), str(tmp_path / "a.png")], ["a", "b", "a"]))
    assert [image.shape[:2] for image in decoded(listing)] == [(5, 6), (7, 7), (8, 9)]


def test_samples_can_be_sent_to_other_processes() -> None:
    listing = read((pixels(), [0, 1, 0, 1]))
    again = pickle.loads(pickle.dumps(listing.splits["train"]))
    assert np.array_equal(read_image(again[1].image), decoded(listing)[1])
    assert len(pickle.dumps(listing.splits["train"])) < 4 * pixels().nbytes


def test_a_label_without_an_image() -> None:
    match = r"x holds 4 images \(shape 4×5×6×3\) and y 5 labels; expected equally many: a label is without its partner"
    with pytest.raises(DataError, match=match):
        read((pixels(), [0, 1, 0, 1, 0]))
    with pytest.raises(DataError, match=r"x holds 4 images .* and y 2 labels \(shape 2×3\).*an image is without"):
        read((pixels(), np.eye(3)[:2]))


def test_the_counts_are_compared_before_anything_else() -> None:
    broken = np.full((4, 5, 6, 3), np.nan)
    for x, y in ((broken, [0, 1]), (pixels(4, (2, 5, 6)), [0, 1]), (pixels(), np.zeros((3, 2, 2))), (broken, 7)):
        with pytest.raises(DataError, match=r"x holds 4 images .* and y \d labels?"):
            read((x, np.array(y)))


@pytest.mark.parametrize(
    ("make", "layout"),
    [
        (lambda x: x, "4×5×6×3 (N×H×W×C)"),
        (lambda x: x.transpose(0, 3, 1, 2), "4×3×5×6 (N×C×H×W)"),
        (lambda x: torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), "4×3×5×6 (N×C×H×W)"),
        (lambda x: x[..., 0], "4×5×6 (N×H×W)"),
        (lambda x: (x.transpose(0, 3, 1, 2) // 255).astype(np.float32), "4×3×5×6 (N×C×H×W) float32, values 0..1 taken"),
    ],
)
def test_the_note_tells_the_shape_as_it_was_given(make: Any, layout: str) -> None:
    assert read((make(pixels() // 128 * 255), [0, 1, 0, 1])).notes[0].startswith(f"x: {layout}")


def test_pixels_that_are_no_numbers_are_counted_and_found() -> None:
    x = np.zeros((4, 3, 5, 6), np.float32)
    x[2, 1, 4, 0] = np.nan
    x[3, 0, 0, 0] = np.inf
    match = r"x, 4×3×5×6 \(N×C×H×W\): 2 of 360 pixel values are NaN or infinite, the first at index \[2, 1, 4, 0\]"
    with pytest.raises(DataError, match=match):
        read((x, [0, 1, 0, 1]))


def test_messages_tell_the_sources_apart() -> None:
    good = (pixels(), [0, 1, 0, 1])
    listing = read(good, ReadOptions(validation_data=(pixels(2, (3, 5, 6)), [0, 1])))
    assert listing.notes == ("x: 4×5×6×3 (N×H×W×C)", "validation_data: x: 2×3×5×6 (N×C×H×W)")
    with pytest.raises(DataError, match=r"^validation_data: x holds 4 images .* and y 2 labels"):
        read(good, ReadOptions(validation_data=(pixels(), [0, 1])))
    y = np.array([0, 1, 0, 1])
    with pytest.raises(
        DataError, match=r"^x \(test\), 4×5×6 \(N×H×W\): Pixel values of type float64 lie in -1\.\.-1"
    ) as error:
        read(((pixels(), y), (np.full((4, 5, 6), -1.0), y)))
    assert "validation_data" not in str(error.value)


def test_every_column_is_a_class_whether_or_not_an_image_has_it() -> None:
    y = np.eye(5)[[1, 3, 3, 1]]
    listing = read((pixels(), y))
    assert (listing.kind, listing.classes) == ("label", ("0", "1", "2", "3", "4"))
    assert targets(listing) == [Label(1), Label(3), Label(3), Label(1)]
    assert [finding.code for finding in audit(listing).findings if finding.code == "class-empty"] == 3 * ["class-empty"]
    several = read((pixels(), np.array([[1, 0, 1], [0, 0, 0], [1, 0, 0], [1, 0, 1]])))
    assert (several.kind, several.classes) == ("labels", ("0", "1", "2"))
    for validation in ((pixels(2), np.eye(5)[[0, 1]]), (pixels(2), [4, 1])):
        assert read((pixels(), y), ReadOptions(validation_data=validation)).classes == ("0", "1", "2", "3", "4")
    assert read((pixels(), y), ReadOptions(validation_data=(pixels(2), [1, 7]))).classes == ("1", "3", "7")


def test_nested_lists_are_read_as_the_array_they_would_be() -> None:
    assert targets(read((pixels(), [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])))[:2] == [Label(1), Label(0)]
    assert targets(read((pixels(2), [[0.5, 2], [1.5, 3]]))) == [Value((0.5, 2.0)), Value((1.5, 3.0))]
    lists = read((pixels(3), [[2, 1], [1, 4], [2, 2]]))  # class numbers
    assert (lists.kind, lists.classes) == ("labels", ("1", "2", "4"))


@pytest.mark.parametrize(
    ("x", "y", "match"),
    [
        (pixels(4, (2, 5, 6)), [0, 1, 0, 1], r"x has the shape \(4, 2, 5, 6\); expected N×H×W, N×H×W×C or N×C×H×W"),
        (np.zeros((4, 9)), [0, 1, 0, 1], r"x has the shape \(4, 9\); expected"),
        (pixels(), np.zeros((4, 2, 2)), r"mask of train\[0\]: 2×2 pixels, its image has"),
        (np.full((2, 4, 4), -1.0), [0, 1], r"Pixel values of type float64 lie in -1\.\.-1; expected 0\.\.255"),
        (pixels(2), [0, "a"], "Labels of mixed types: 0 of train\\[0\\] is a number, 'a' of train\\[1\\] is text"),
        (pixels(), [1, 1, 1, 1], "All 4 labelled images have the same class '1'"),
        (pixels(1), [1], r"Only one labelled image was found \(train\[0\]\)"),
        (pixels(0), [], r"x and y are empty; expected at least two images"),
        (pixels(2), np.array([[1.0, np.inf], [2.0, 3.0]]), r"train\[0\]: label inf is no finite number"),
    ],
)
def test_arrays_that_cannot_be_used(x: Any, y: Any, match: str) -> None:
    with pytest.raises(DataError, match=match):
        read((x, y))


def test_rows_without_a_label() -> None:
    listing = read((pixels(), [0, None, 1, float("nan")]))
    assert len(listing.splits["train"]) == 2
    assert "2 images without a label left out: train[1], train[3]" in listing.notes
