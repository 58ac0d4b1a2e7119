import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as pycocotools_mask

from plusx.core.errors import DataError
from plusx.core.sample import Listing
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.regions import MaskRegions

coco: Any = pycocotools_mask
SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "coco-permissive"
MASKS = ReadOptions(kind="mask")


def rectangle(left: int, top: int, right: int, bottom: int) -> list[list[float]]:
    return [[left, top, right, top, right, bottom, left, bottom]]


def content(*annotations: dict[str, Any], names: tuple[str, ...] = ("1.jpg", "2.jpg")) -> dict[str, Any]:
    images = [{"id": 10 + n, "file_name": name, "height": 6, "width": 8} for n, name in enumerate(names)]
    numbered = [{"id": n, "image_id": 10, "iscrowd": 0, **one} for n, one in enumerate(annotations)]
    categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
    return {"images": images, "annotations": numbered, "categories": categories}


LARGE = {"category_id": 3, "segmentation": rectangle(0, 0, 6, 6), "area": 36}
SMALL = {"category_id": 7, "segmentation": rectangle(2, 2, 4, 4), "area": 4}
CROWD = {"category_id": 7, "segmentation": {"size": [6, 8], "counts": [0, 6, 36, 6]}, "iscrowd": 1, "area": 12}


def written(root: Path, data: dict[str, Any], file: str = "annotations/instances_train2017.json") -> Path:
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(data))
    for entry in data["images"]:
        (root / "images").mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(root / "images" / entry["file_name"])
    return root


def values(listing: Listing, split: str = "train", number: int = 0) -> np.ndarray:
    found = listing.splits[split][number].target
    assert isinstance(found, MaskRegions)
    return found.load().values


def test_outlines_become_masks(tmp_path: Path) -> None:
    listing = read(written(tmp_path, content(SMALL, LARGE, CROWD)), MASKS)
    assert (listing.format, listing.kind) == ("coco masks", "mask")
    assert listing.classes == ("background", "cat", "dog")
    assert [sample.name for sample in listing.splits["train"]] == ["images/1.jpg", "images/2.jpg"]
    expected = np.zeros((6, 8), np.uint8)
    expected[:, 7] = 255  # the crowd; where it meets the cat, the cat counts
    expected[:, :6] = 1
    expected[2:4, 2:4] = 2
    assert np.array_equal(values(listing), expected)
    assert not values(listing, number=1).any()


def test_the_path_of_one_file(tmp_path: Path) -> None:
    written(tmp_path, content(SMALL, LARGE))
    listing = read(tmp_path / "annotations" / "instances_train2017.json", MASKS)
    assert listing.root == tmp_path
    assert values(listing).max() == 2


def test_splits_by_the_names_of_the_files(tmp_path: Path) -> None:
    written(tmp_path, content(LARGE, names=("1.jpg",)))
    written(tmp_path, content(SMALL, names=("2.jpg",)), "annotations/instances_val2017.json")
    written(tmp_path, content(SMALL, names=("2.jpg",)), "annotations/person_keypoints_val2017.json")
    listing = read(tmp_path, MASKS)
    assert {split: [s.name for s in samples] for split, samples in listing.splits.items()} == {
        "train": ["images/1.jpg"],
        "val": ["images/2.jpg"],
    }
    written(tmp_path, content(SMALL, names=("2.jpg",)), "annotations/instances_more.json")
    with pytest.raises(DataError, match=r"holds several annotation files, .*; expected one for each split"):
        read(tmp_path, MASKS)


def test_classes_in_another_order(tmp_path: Path) -> None:
    written(tmp_path, content(SMALL, LARGE))
    listing = read(tmp_path, ReadOptions(kind="mask", classes=("dog", "background", "cow", "cat")))
    assert np.unique(values(listing)).tolist() == [0, 1, 3]
    assert values(listing)[5, 7] == 1
    with pytest.raises(DataError, match=r"Unknown class 'dog'.* Did you mean (background, cat|cat, background)"):
        read(tmp_path, ReadOptions(kind="mask", classes=("background", "cat")))


def test_a_category_called_background_is_the_background(tmp_path: Path) -> None:
    data = content(LARGE)
    data["categories"].append({"id": 0, "name": "background"})
    listing = read(written(tmp_path, data), MASKS)
    assert listing.classes == ("background", "cat", "dog")


def test_missing_images_are_told(tmp_path: Path) -> None:
    written(tmp_path, content(LARGE, names=("1.jpg", "2.jpg", "3.jpg")))
    (tmp_path / "images" / "3.jpg").unlink()
    listing = read(tmp_path, MASKS)
    assert len(listing.splits["train"]) == 2
    assert "1 image of instances_train2017.json not found: 3.jpg; left out" in listing.notes[-1]
    with pytest.raises(DataError, match=r"not found: 3\.jpg\. Expected them in .*images"):
        read(tmp_path, ReadOptions(kind="mask", missing_files="error"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 99}, "annotation 0: no image has the id 99"),
        ({"category_id": 1}, "annotation 0: category_id 1 is not declared; declared are 3 cat, 7 dog"),
        ({"segmentation": [[1, 2, 3]]}, "annotation 0: polygon .* an even number"),
        ({"segmentation": None}, "annotation 0: segmentation is None; expected polygons or run lengths"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=rf"instances_train2017\.json, {message}"):
        read(written(tmp_path, content(LARGE | change)), MASKS)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    data = content(LARGE)
    data["images"][0] |= {"height": 8, "width": 6}
    with pytest.raises(DataError, match=r"image 10: 6×8 pixels are declared, but .*1\.jpg has 8×6\. Outlines are"):
        read(written(tmp_path, data), MASKS)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, content(LARGE)) / "annotations" / "instances_train2017.json"
    path.write_text(path.read_text()[:-3])
    with pytest.raises(DataError, match=r"instances_train2017\.json is no readable JSON"):
        read(tmp_path, MASKS)
    path.write_text(json.dumps({"images": {}, "annotations": [], "categories": [], "segmentation": 0}))
    with pytest.raises(DataError, match="has no list images of objects; expected COCO's lists"):
        read(tmp_path, MASKS)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")
def test_real_photos_against_pycocotools() -> None:
    listing = read(SHARED, MASKS)
    assert len(listing.classes) == 81
    data = json.loads((SHARED / "instances.json").read_text())
    names = {category["id"]: category["name"] for category in data["categories"]}
    by_image: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in data["images"]}
    for annotation in data["annotations"]:
        by_image[annotation["image_id"]].append(annotation)
    differing = pixels = 0
    for image, sample in zip(data["images"], listing.splits["train"], strict=True):
        size = (image["height"], image["width"])
        expected = np.zeros(size, np.uint8)
        for one in sorted(by_image[image["id"]], key=lambda one: (not one["iscrowd"], -one["area"])):
            encoded = coco.frPyObjects(one["segmentation"], *size)
            inside = coco.decode(coco.merge(encoded) if isinstance(encoded, list) else encoded).astype(bool)
            expected[inside] = 255 if one["iscrowd"] else listing.classes.index(names[one["category_id"]])
        assert isinstance(sample.target, MaskRegions)
        differing += np.count_nonzero(sample.target.load().values != expected)
        pixels += expected.size
    assert differing < 0.001 * pixels
