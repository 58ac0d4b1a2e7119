from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from boxed import found
from plusx.core.errors import DataError
from plusx.core.masks import LazyMask
from plusx.core.targets import Boxes
from plusx.data.formats.read import ReadOptions, read

IMAGES = np.random.default_rng(0).integers(0, 255, (3, 6, 8, 3), dtype=np.uint8)
MASKS = np.zeros((3, 6, 8), np.int64)
MASKS[0, :2], MASKS[1, 2:], MASKS[2, 0] = 1, 2, 255
LAYERS = np.stack([MASKS == 1, MASKS == 2], axis=1)
BOXES = [
    {"boxes": torch.tensor([[1.0, 1, 4, 5], [0, 0, 8, 6]]), "labels": torch.tensor([1, 2]), "iscrowd": [0, 1]},
    {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)},
    {"boxes": [[2.0, 0, 3, 6]], "labels": ["dog"], "area": [3.5]},
]


class Pairs:
    """As a torchvision data set: an image and what is in it."""

    def __init__(self, labels: Any, images: Any = IMAGES, classes: Any = None) -> None:
        self.images, self.labels, self.fetched = images, labels, 0
        if classes is not None:
            self.classes = classes

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        self.fetched += 1
        return self.images[index], self.labels[index]


def masks_in(source: Any, **options: Any) -> list[Any]:
    listing = read(source, ReadOptions(**options))
    targets = [sample.target for sample in listing.splits["train"]]
    return [listing.classes, *(target.load().values for target in targets if isinstance(target, LazyMask))]


@pytest.mark.parametrize(
    "source",
    [
        (IMAGES, MASKS),
        (torch.from_numpy(IMAGES).permute(0, 3, 1, 2), torch.from_numpy(MASKS)[:, None]),
        (list(IMAGES), [Image.fromarray(mask.astype(np.uint8)) for mask in MASKS]),
        Pairs(MASKS.astype(np.uint8)),
        Pairs(torch.from_numpy(MASKS)[:, None], [Image.fromarray(image) for image in IMAGES]),
    ],
)
def test_masks(source: Any) -> None:
    classes, *values = masks_in(source)
    assert classes == ("0", "1", "2")
    assert np.array_equal(values, MASKS)
    assert masks_in(source, classes=("a", "b", "c"))[0] == ("a", "b", "c")


def test_sixteen_bits_are_instances_as_in_files() -> None:
    objects = MASKS.astype(np.uint16) * 300
    classes, *values = masks_in((IMAGES, objects), boundary=1)
    assert classes == ("background", "inside", "boundary")
    assert np.array_equal(np.array(values) > 0, objects > 0)


@pytest.mark.parametrize("source", [(IMAGES, LAYERS), Pairs(torch.from_numpy(LAYERS).float())])
def test_layers(source: Any) -> None:
    classes, *values = masks_in(source)
    assert classes == ("0", "1")
    assert np.array_equal(values, LAYERS)


@pytest.mark.parametrize(
    "source", [(list(IMAGES), BOXES), Pairs(BOXES), Pairs(BOXES, classes=["none", "1", "2", "dog"])]
)
def test_boxes_as_torchvision_gives_them(source: Any) -> None:
    listing = read(source)
    assert listing.kind == "boxes"
    assert found(listing) == {
        "train[0]": [("1", (1, 1, 4, 5)), ("2", (0, 0, 8, 6))],
        "train[1]": [],
        "train[2]": [("dog", (2, 0, 3, 6))],
    }
    first, _, last = (sample.target for sample in listing.splits["train"])
    assert isinstance(first, Boxes)
    assert isinstance(last, Boxes)
    assert first.ignored.tolist() == [False, True]
    assert last.areas.tolist() == [3.5]


def test_an_item_is_fetched_once_for_image_and_mask() -> None:
    data = Pairs(MASKS)
    listing = read(data)
    data.fetched = 0
    for sample in listing.splits["train"]:
        assert callable(sample.image)
        assert sample.target is not None
        sample.image()
        sample.target.load()
    assert data.fetched == 3


def tv_boxes() -> Any:
    make: Any = tv_tensors.BoundingBoxes
    return make([[1, 1, 2, 2.0]], format="XYWH", canvas_size=(6, 8))


def wrong(**changes: Any) -> list[dict[str, Any]]:
    return [{**BOXES[0], **changes}, BOXES[1]]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ((IMAGES, MASKS[:, :5]), r"mask of train\[0\]: 8×5 pixels, its image has 8×6; they must be equal"),
        ((IMAGES, MASKS - 1), r"mask of train\[0\] holds -1; classes count from 0, 255 is void"),
        ((IMAGES, MASKS + 0.5), r"mask of train\[0\]: 48 mask values are no whole numbers, e\.g\. 1\.5"),
        ((IMAGES, LAYERS * 3), r"mask of train\[0\] holds 3; expected 0, 1, and 255 for void in every layer"),
        (Pairs([MASKS[0], "cat"]), "mask of train.1.: str holds"),
        (
            Pairs(wrong(boxes=[[1, 1, float("nan"), 5], [0, 0, 8, 6]])),
            r"train\[0\], box 0 \(1\): x1.* 1, 1, nan, 5: not fin",
        ),
        (
            Pairs(wrong(boxes=[[1, 1, 4, 5], [3, 3, 3, 6]])),
            r"train\[0\], box 1 \(2\): .* = 3, 3, 3, 6: the box has no area",
        ),
        (
            Pairs(wrong(boxes=[[1, 1, 4, 5], [9, 9, 10, 10]])),
            r"box 1 \(2\): .*lies wholly outside of the image, 8×6 pixels",
        ),
        (Pairs(wrong(labels=[1])), r"train\[0\]: 2 boxes, 1 labels, .*; expected equally many"),
        (Pairs(wrong(boxes=[1.0, 2, 3, 4])), r"train\[0\]: boxes of shape \(4,\) in the format XYXY; expected N×4"),
        (
            Pairs(wrong(boxes=tv_boxes())),
            "in the format XYWH; expected N×4",
        ),
        (Pairs([{"bbox": []}, {}]), r"train\[0\]: the label has the keys bbox; expected a dict with boxes"),
        (Pairs(BOXES[:2], classes=["a"]), r"train\[0\]: label 1 is outside of 0\.\.0, the indices of the classes"),
    ],
)
def test_what_does_not_fit_is_named(source: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        read(source)


def test_random_transforms_are_refused() -> None:
    class Moving(Pairs):
        def __getitem__(self, index: int) -> tuple[Any, Any]:
            image, label = super().__getitem__(index)
            return image, np.roll(label, self.fetched, axis=1) + self.fetched % 3

    with pytest.raises(DataError, match=r"dataset\[0\] gives other masks or boxes each time it is fetched"):
        read(Moving(MASKS))
