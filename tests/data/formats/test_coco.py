"""COCO's JSON: as COCO has it, and as other tools write it."""

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import boxed
from plusx.core.errors import DataError
from plusx.core.targets import Boxes
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "coco-permissive"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")


def changed(change: Callable[[Any], None]) -> Any:
    content = copy.deepcopy(boxed.coco_content())
    change(content)
    return content


def first(key: str, value: Any) -> Callable[[Any], None]:
    """Changes the first annotation."""
    return lambda content: content["annotations"][0].update({key: value})


def test_classes_stand_in_the_order_of_ids_with_gaps(tmp_path: Path) -> None:
    content = changed(lambda c: c["categories"].append({"id": 1, "name": "zebra"}))
    listing = read(boxed.coco(tmp_path, content))
    assert listing.classes == ("zebra", "cat", "dog")
    assert [sample.name for sample in listing.splits["train"]] == ["images/a.png", "images/b.png", "images/c.png"]
    assert listing.notes == ()


def test_crowds_are_ignored_and_areas_kept(tmp_path: Path) -> None:
    target = read(boxed.coco(tmp_path, changed(first("iscrowd", 1)))).splits["train"][0].target
    assert isinstance(target, Boxes)
    assert (target.ignored.tolist(), target.areas.tolist()) == ([True, False], [7, 7])


def test_the_path_of_one_file(tmp_path: Path) -> None:
    listing = read(boxed.coco(tmp_path) / "annotations" / "instances.json")
    assert (listing.root, list(listing.splits)) == (tmp_path, ["train"])


def test_splits_as_coco_has_them(tmp_path: Path) -> None:
    """The same file name in both; images of a split are those in its folder."""
    for split, size in (("train2017", (80, 60)), ("val2017", (80, 60))):
        boxed.coco(tmp_path, name=f"annotations/instances_{split}.json")
        boxed.pictures(tmp_path / split, "a.png", "b.png", "c.png", size=size)
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    (tmp_path / "annotations" / "captions_train2017.json").write_text('{"images": [], "annotations": []}')
    (tmp_path / "annotations" / "person_keypoints_train2017.json").write_text(json.dumps(boxed.coco_content()))
    listing = read(tmp_path)
    assert {split: samples[0].name for split, samples in listing.splits.items()} == {
        "train": "train2017/a.png",
        "val": "val2017/a.png",
    }


def test_a_file_beside_the_images_of_each_split(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        folder = boxed.pictures(tmp_path / split, *boxed.ROWS)
        (folder / "_annotations.coco.json").write_text(json.dumps(boxed.coco_content()))
    listing = read(tmp_path)
    assert [sample.name for sample in listing.splits["val"]] == ["valid/a.png", "valid/b.png", "valid/c.png"]


def test_several_files_that_are_no_splits(tmp_path: Path) -> None:
    boxed.coco(tmp_path, name="annotations/one.json")
    boxed.coco(tmp_path, name="annotations/two.json")
    with pytest.raises(DataError, match=r"several annotation files, annotations/one\.json, annotations/two\.json; exp"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            first("bbox", [5, 5, 0, 9]),
            r"instances\.json, annotation 100 \(cat\): x, y, width, height = 5, 5, 0, 9: the ",
        ),
        (first("bbox", [5, 5, -3, 9]), r"annotation 100 \(cat\): .* = 5, 5, -3, 9: the corners are swapped"),
        (first("bbox", [5, math.nan, 3, 9]), r"annotation 100 \(cat\): .* = 5, nan, 3, 9: not finite"),
        (first("bbox", [5, "6", 3, 9]), r"annotation 100 \(cat\): .* = 5, nan, 3, 9: not finite"),
        (first("bbox", [5, 5, 3]), r"annotation 100: bbox is \[5, 5, 3\]; expected four numbers, x, y, width, height"),
        (first("bbox", None), r"annotation 100: bbox is None; expected four numbers"),
        (first("bbox", [90, 5, 3, 9]), r"= 90, 5, 3, 9: the box lies wholly outside of the image, 80×60 pixels"),
        (first("category_id", 5), r"annotation 100: category_id 5 is not declared; declared are 4 cat, 9 dog"),
        (first("category_id", [4]), r"annotation 100: category_id \[4\] is not declared"),
        (first("image_id", 77), r"annotation 100: no image in the list `images` has the id 77"),
        (lambda c: c["images"].append(c["images"][0]), r"two entries for image have the id 0; ids must differ"),
        (lambda c: c["images"].append({"id": 8, "file_name": "a.png"}), r"images 0 and 8 are the same file, .*a\.png"),
        (lambda c: c["categories"].append({"id": 3, "name": "dog"}), r"two categories are called 'dog'; rename one"),
        (lambda c: c["images"][1].pop("file_name"), r"image number 1 of the list has no id or no file_name: \{'id': 1"),
        (lambda c: c.update(images={}), r"has no list images; expected COCO's lists images, annotations, categories"),
        (
            lambda c: c["images"][0].update(width=81),
            r"image 0: images/a\.png is said to be 81×60 pixels, but is 80×60\. ",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: Callable[[Any], None], text: str) -> None:
    with pytest.raises(DataError, match=text):
        read(boxed.coco(tmp_path, changed(change)))


def test_json_that_is_cut_off(tmp_path: Path) -> None:
    path = boxed.coco(tmp_path) / "annotations" / "instances.json"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(DataError, match=r"instances\.json is no readable JSON: .*line 1.*Download or export it again"):
        read(tmp_path)


def test_annotated_images_that_are_not_there(tmp_path: Path) -> None:
    (boxed.coco(tmp_path) / "images" / "b.png").unlink()
    listing = read(tmp_path)
    assert listing.notes == ("1 of 3 annotated images are not there: b.png; left out",)
    assert list(boxed.found(listing)) == ["a.png", "c.png"]
    with pytest.raises(DataError, match=r"1 of 3 annotated images are not there: b\.png\. Looked in "):
        read(tmp_path, ReadOptions(missing_files="error"))


def test_a_picture_that_exif_turns(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    boxed.coco(tmp_path)
    Image.new("RGB", (80, 60)).save(tmp_path / "images" / "a.png", exif=exif)
    with pytest.raises(DataError, match=r"a\.png is said to be 80×60 pixels, but is 60×80 once it is upright \(EXIF"):
        read(tmp_path)


def test_other_json_is_none(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        boxed.pictures(tmp_path / name, "1.png")
    (tmp_path / "about.json").write_text('{"images": 2}')
    (tmp_path / "empty.json").touch()
    assert read(tmp_path).format == "folders"


@needs_shared
def test_real_data() -> None:
    listing = read(SHARED / "instances.json")
    targets = [sample.target for sample in listing.splits["train"] if isinstance(sample.target, Boxes)]
    assert (len(targets), len(listing.classes), listing.notes) == (116, 80, ())
    assert (sum(map(len, targets)), sum(int(boxes.ignored.sum()) for boxes in targets)) == (957, 12)
    assert sum(not len(boxes) for boxes in targets) == 3
    with pytest.raises(DataError, match=r"several annotation files, boxes_only\.json, instances\.json"):
        read(SHARED)
