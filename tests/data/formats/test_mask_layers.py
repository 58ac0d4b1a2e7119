import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from plusx.core.errors import DataError
from plusx.core.masks import LazyMask, Masks
from plusx.core.sample import Listing
from plusx.data.formats.read import ReadOptions, read

SIZE = (6, 8)
AS_LAYERS = ReadOptions(kind="masks")


def box(y: int, x: int, value: int = 255, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    mask = np.zeros(size, np.uint8)
    mask[y : y + 3, x : x + 3] = value
    return mask


def made(root: Path, masks: dict[str, NDArray[np.uint8]], images: tuple[str, ...] = ("a", "b")) -> Path:
    for name in images:
        (root / "images").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE[::-1], (len(name), 9, 9)).save(root / "images" / f"{name}.png")
    for name, mask in masks.items():
        path = root / "masks" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
    return root


def layers(listing: Listing, name: str) -> NDArray[np.uint8]:
    [sample] = [s for samples in listing.splits.values() for s in samples if s.name.endswith(name)]
    assert isinstance(sample.target, LazyMask)
    mask = sample.target.load()
    assert isinstance(mask, Masks)
    return mask.values


def test_a_folder_a_class_is_recognised_by_itself(tmp_path: Path) -> None:
    """255 is a class where nothing else is, void beside a 1; without a file an image has none of the class."""
    grey = box(1, 1, 1)
    grey[5] = 255
    root = made(tmp_path, {"cell/a": box(0, 0), "cell/b_mask": box(2, 2), "细胞核/b": grey})
    listing = read(root)
    assert (listing.kind, listing.classes, listing.format) == ("masks", ("cell", "细胞核"), "mask layers")
    assert layers(listing, "a.png").tolist() == [box(0, 0, 1).tolist(), np.zeros(SIZE).tolist()]
    assert layers(listing, "b.png").tolist() == [box(2, 2, 1).tolist(), grey.tolist()]
    assert "of 2 images so many have no file for a class, so none of it: 细胞核 1" in listing.notes


def test_splits_and_classes_of_a_model(tmp_path: Path) -> None:
    made(tmp_path / "train", {"b/a": box(0, 0), "b/b": box(0, 0)})
    made(tmp_path / "test", {"b/a": box(0, 0)})
    listing = read(tmp_path, ReadOptions(classes=("a", "b")))
    assert {split: len(samples) for split, samples in listing.splits.items()} == {"train": 2, "test": 1}
    assert layers(listing, "test/images/a.png")[:, 0, 0].tolist() == [0, 1]
    assert any("1 image in " in note and "left out" in note for note in listing.notes)
    with pytest.raises(DataError, match="Unknown class 'b'"):
        read(tmp_path, ReadOptions(classes=("a", "c")))


@pytest.mark.parametrize(
    ("masks", "text"),
    [
        (
            {"cell/a": box(0, 0)},
            r"1 image in .*images without a mask of any class: b\.png\. Where nothing is to be seen",
        ),
        (
            {"cell/a": box(0, 0), "cell/c": box(0, 0)},
            r"1 mask in .*masks without an image of the same name in .*images: c\.png",
        ),
        (
            {"cell/a": box(0, 0), "cell/a_mask": box(0, 0)},
            r"a(_mask)?\.png and .*a(_mask)?\.png both belong to a\.png; keep one",
        ),
        ({"cell/a": box(0, 0), "cell/b": box(0, 0, size=(6, 9))}, r"b\.png: the mask has 9×6 pixels, its image .* 8×6"),
        (
            {"cell/a": box(0, 0, 3) + box(3, 4, 7), "cell/b": box(0, 0)},
            r"cell hold several values .*a\.png: 0, 3, 7\. Exp",
        ),
        ({"cell/a": box(0, 0, 1), "cell/b": box(0, 0)}, r"cell say it in two ways: .*a\.png with 1, .*b\.png with 255"),
    ],
)
def test_what_is_wrong_is_named(masks: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=text):
        read(made(tmp_path, masks), AS_LAYERS)


def test_outlines_of_coco_may_overlap(tmp_path: Path) -> None:
    made(tmp_path, {})
    shapes = [
        (0, 1, [0, 0, 4, 0, 4, 4, 0, 4], 0),
        (0, 2, [2, 2, 6, 2, 6, 6, 2, 6], 0),
        (0, 2, [0, 0, 8, 0, 8, 6, 0, 6], 1),
    ]
    content = {
        "images": [{"id": i, "file_name": f"{name}.png", "height": 6, "width": 8} for i, name in enumerate("ab")],
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "nucleus"}],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, "segmentation": [outline], "iscrowd": crowd}
            for i, (image, category, outline, crowd) in enumerate(shapes)
        ],
    }
    (tmp_path / "instances.json").write_text(json.dumps(content))
    listing = read(tmp_path / "instances.json", AS_LAYERS)
    assert (listing.kind, listing.classes) == ("masks", ("cell", "nucleus"))
    cell, nucleus = layers(listing, "a.png")
    assert cell[:4, :4].all()
    assert cell.sum() == 16
    assert (nucleus[2:6, 2:6] == 1).all()
    assert (nucleus == 255).sum() == 48 - 16
    assert not layers(listing, "b.png").any()


def test_layers_that_are_none_are_refused(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        for letter in "ab":
            Image.new("L", SIZE, 1).save(tmp_path / name / f"{letter}.png")
    with pytest.raises(DataError, match="is no mask, as the task needs"):
        read(tmp_path, AS_LAYERS)
