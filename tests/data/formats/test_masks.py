"""Layouts of images and masks as they come from tools and downloads."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plusx.core.errors import DataError
from plusx.core.masks import LazyMask
from plusx.core.sample import Listing
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.masks import Colours, Instances, MaskFile, Values

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")
MASKS = ReadOptions(kind="mask")


def image(path: Path, size: tuple[int, int] = (2, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], (9, 90, 9)).save(path)
    return path


def mask(path: Path, *values: int, dtype: type = np.uint8) -> Path:
    """2 × 3 pixels of `values` in turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(values, dtype), (2, 3))).save(path)
    return path


def colours(path: Path, *values: tuple[int, int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(values, np.uint8), (2, 3, 3))).save(path)
    return path


def held(listing: Listing) -> dict[str, dict[str, list[int]]]:
    """split → name → the first class indices of the mask."""
    found: dict[str, dict[str, list[int]]] = {}
    for split, samples in listing.splits.items():
        for sample in samples:
            assert isinstance(sample.target, LazyMask)
            found.setdefault(split, {})[sample.name] = sample.target.load().values.ravel()[:3].tolist()
    return found


def pairs(root: Path, images: str, masks: str, ending: str = "") -> Path:
    for name, values in {"1": (0, 1, 2), "2": (2, 0, 255)}.items():
        image(root / images / f"{name}.jpg")
        mask(root / masks / f"{name}{ending}.png", *values)
    return root


@pytest.mark.parametrize(
    ("images", "masks", "ending"),
    [
        ("images", "masks", ""),
        ("images", "masks", "_mask"),
        ("Images", "Labels", "_seg"),
        ("img", "annotations", ""),
        ("JPEGImages", "SegmentationClass", ""),
        ("data/images", "data/masks", ""),
        ("train", "train_masks", "_mask"),
        ("images/train", "masks/train", ""),
        ("train/images", "train/masks", ""),
    ],
)
def test_layouts(tmp_path: Path, images: str, masks: str, ending: str) -> None:
    listing = read(pairs(tmp_path, images, masks, ending))
    assert (listing.format, listing.kind, listing.classes, listing.root) == ("masks", "mask", ("0", "1", "2"), tmp_path)
    assert held(listing) == {"train": {f"{images}/1.jpg": [0, 1, 2], f"{images}/2.jpg": [2, 0, 255]}}
    assert listing.notes[-2:] == ("classes are the 3 values found in the masks", "255 is void and not counted")


@pytest.mark.parametrize("order", ["{part}/{split}", "{split}/{part}"])
def test_splits(tmp_path: Path, order: str) -> None:
    for split in ("train", "val"):
        pairs(tmp_path, order.format(part="images", split=split), order.format(part="masks", split=split))
    name = image(tmp_path / order.format(part="images", split="test") / "3.jpg").relative_to(tmp_path).as_posix()
    listing = read(tmp_path)
    assert {split: len(samples) for split, samples in listing.splits.items()} == {"train": 2, "val": 2}
    assert any(f"1 image in {tmp_path / name}".removesuffix("/3.jpg") in note for note in listing.notes)
    assert "without a mask: 3.jpg; left out" in listing.notes[0]


def test_folders_below_are_matched_by_their_path(tmp_path: Path) -> None:
    pairs(tmp_path, "images/a", "masks/a")
    image(tmp_path / "images" / "b" / "1.png")
    mask(tmp_path / "masks" / "b" / "1.tif", 1)
    assert held(read(tmp_path))["train"]["images/b/1.png"] == [1, 1, 1]


@pytest.mark.parametrize(("train", "other"), [("train", "val"), ("default", None)])
def test_pascal_voc(tmp_path: Path, train: str, other: str | None) -> None:
    root = pairs(tmp_path / "VOCdevkit" / "VOC2012", "JPEGImages", "SegmentationClass")
    image(root / "JPEGImages" / "no_mask.jpg")
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / f"{train}.txt").write_text("1\n" if other else "1\n2\n")
    if other:
        (lists / f"{other}.txt").write_text("2\n")
        (lists / "trainval.txt").write_text("1\n2\n")
        (lists / "test.txt").write_text("no_mask\n")
    listing = read(tmp_path)
    sizes = {split: len(samples) for split, samples in listing.splits.items()}
    assert sizes == ({"train": 1, "val": 1} if other else {"train": 2})
    assert listing.classes == ("0", "1", "2")


def test_a_list_that_names_an_image_that_is_not_there(tmp_path: Path) -> None:
    pairs(tmp_path, "JPEGImages", "SegmentationClass")
    (tmp_path / "ImageSets" / "Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Segmentation" / "val.txt").write_text("1\n7\n")
    with pytest.raises(DataError, match="JPEGImages has no image called 7, which the list of the val split names"):
        read(tmp_path)


def test_boxes_beside_the_masks_have_to_be_told_apart(tmp_path: Path) -> None:
    pairs(tmp_path, "JPEGImages", "SegmentationClass")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "1.xml").touch()
    assert read(tmp_path, MASKS).kind == "mask"
    assert read(tmp_path).format != "masks"


def test_lists_of_pairs(tmp_path: Path) -> None:
    pairs(tmp_path, "x", "y", "_out")
    (tmp_path / "pairs.csv").write_text("image,mask,split\nx/1.jpg,y/1_out.png,train\nx/2.jpg,y/2_out.png,val\n")
    expected = {"train": {"x/1.jpg": [0, 1, 2]}, "val": {"x/2.jpg": [2, 0, 255]}}
    for source in (tmp_path, tmp_path / "pairs.csv"):
        listing = read(source)
        assert held(listing) == expected
        assert listing.notes[0] == "images and masks as pairs.csv lists them"
    (tmp_path / "pairs.csv").unlink()
    (tmp_path / "train.txt").write_text("x/1.jpg y/1_out.png\n")
    (tmp_path / "val.txt").write_text("x/2.jpg y/2_out.png\n\n")
    assert held(read(tmp_path)) == expected
    (tmp_path / "val.txt").write_text("x/2.jpg y/2_out.png\nx/1.jpg y/7.png\n")
    with pytest.raises(DataError, match=r"val\.txt: there is no file 'y/7\.png'\. Paths count from the folder"):
        read(tmp_path)


def test_a_column_mask_that_is_no_file_is_a_label(tmp_path: Path) -> None:
    for number in range(4):
        image(tmp_path / "images" / f"{number}.jpg")
    rows = [f"{number}.jpg,{'yes' if number % 2 else 'no'}" for number in range(4)]
    (tmp_path / "faces.csv").write_text("image,mask\n" + "\n".join(rows))
    assert read(tmp_path, ReadOptions(label_column="mask")).classes == ("no", "yes")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "sky\nroad\ncar\n"),
        ("labels.txt", "# in order\n0 sky\n1 road\n2 car"),
        ("classes.csv", "value,name\n2,car\n0,sky\n1,road\n"),
        ("class_dict.csv", "Name;ID\nsky;0\nroad;1\ncar;2\n"),
    ],
)
def test_declared_classes(tmp_path: Path, name: str, text: str) -> None:
    pairs(tmp_path, "images", "masks")
    (tmp_path / name).write_text(text)
    listing = read(tmp_path)
    assert set(listing.classes) == {"sky", "road", "car"}
    first = held(listing)["train"]["images/1.jpg"]
    assert [listing.classes[index] for index in first] == ["sky", "road", "car"]
    listing = read(tmp_path, ReadOptions(classes=("car", "bus", "road", "sky")))
    assert held(listing)["train"] == {"images/1.jpg": [3, 2, 0], "images/2.jpg": [0, 3, 255]}
    with pytest.raises(DataError, match=r"Unknown class '(car|sky)'.* Did you mean (road, tree|tree, road)"):
        read(tmp_path, ReadOptions(classes=("road", "tree")))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("class_dict.csv", "name,r,g,b\nsky,128,128,128\nroad,255,0,0\nVoid,0,0,0\n"),
        ("label_colors.txt", "128 128 128\tsky\n255 0 0\troad\n0 0 0\tVoid\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nsky:128,128,128::\nroad:255,0,0::\nvoid:0,0,0::\n"),
    ],
)
def test_declared_colours(tmp_path: Path, name: str, text: str) -> None:
    image(tmp_path / "images" / "1.jpg")
    image(tmp_path / "images" / "2.jpg")
    colours(tmp_path / "masks" / "1.png", (255, 0, 0), (128, 128, 128), (0, 0, 0))
    colours(tmp_path / "masks" / "2.png", (128, 128, 128))
    (tmp_path / name).write_text(text)
    listing = read(tmp_path)
    assert listing.classes == ("sky", "road")
    assert held(listing)["train"] == {"images/1.jpg": [1, 0, 255], "images/2.jpg": [0, 0, 0]}
    assert listing.notes[-1] in (
        "pixels of class Void are void and not counted",
        "pixels of class void are void and not counted",
    )


def test_found_colours(tmp_path: Path) -> None:
    image(tmp_path / "images" / "1.jpg")
    image(tmp_path / "images" / "2.jpg")
    colours(tmp_path / "masks" / "1.png", (255, 0, 0), (0, 128, 64), (0, 0, 0))
    colours(tmp_path / "masks" / "2.png", (0, 0, 0))
    listing = read(tmp_path)
    assert listing.classes == ("#000000", "#008040", "#ff0000")
    assert held(listing)["train"] == {"images/1.jpg": [2, 1, 0], "images/2.jpg": [0, 0, 0]}
    assert isinstance(target(listing).coding, Colours)


def target(listing: Listing) -> MaskFile:
    found = listing.splits["train"][0].target
    assert isinstance(found, MaskFile)
    return found


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (0, 38), (1, 2)])
def test_two_values_are_background_and_foreground(tmp_path: Path, low: int, high: int) -> None:
    for number in (1, 2):
        image(tmp_path / "images" / f"{number}.jpg")
        mask(tmp_path / "masks" / f"{number}.png", low, high)
    listing = read(tmp_path)
    assert listing.classes == ("background", "foreground")
    assert held(listing)["train"]["images/1.jpg"] == [0, 1, 0]
    assert listing.notes[-1] == f"masks hold two values: {low} is background, {high} is foreground"
    again = read(tmp_path, ReadOptions(classes=("background", "foreground")))
    assert held(again) == held(listing)


def test_two_classes_and_void(tmp_path: Path) -> None:
    image(tmp_path / "images" / "1.jpg")
    image(tmp_path / "images" / "2.jpg")
    mask(tmp_path / "masks" / "1.png", 0, 1, 255)
    mask(tmp_path / "masks" / "2.png", 0)
    listing = read(tmp_path, ReadOptions(classes=("background", "foreground")))
    assert held(listing)["train"]["images/1.jpg"] == [0, 1, 255]


def test_the_second_source_is_looked_up_among_the_first_ones_classes(tmp_path: Path) -> None:
    pairs(tmp_path / "one", "images", "masks")
    image(tmp_path / "two" / "images" / "9.jpg")
    mask(tmp_path / "two" / "masks" / "9.png", 2, 0)
    listing = read(tmp_path / "one", ReadOptions(validation_data=tmp_path / "two"))
    assert listing.classes == ("0", "1", "2")
    assert held(listing)["val"] == {"images/9.jpg": [2, 0, 2]}


def test_16_bit_masks_are_instance_maps(tmp_path: Path) -> None:
    for number in (1, 2):
        image(tmp_path / "images" / f"{number}.jpg")
        mask(tmp_path / "masks" / f"{number}.png", 0, 700, 3, dtype=np.uint16)
    listing = read(tmp_path)
    assert listing.classes == ("background", "foreground")
    assert held(listing)["train"]["images/1.jpg"] == [0, 1, 1]
    assert "taken for instance maps (2 masks with more than 8 bits)" in listing.notes[-1]
    listing = read(tmp_path, ReadOptions(boundary=1))
    assert listing.classes == ("background", "inside", "boundary")
    assert held(listing)["train"]["images/1.jpg"] == [0, 2, 2]
    with pytest.raises(DataError, match=r"2 classes are asked for .* give background, inside, boundary"):
        read(tmp_path, ReadOptions(boundary=1, classes=("a", "b")))


def test_16_bit_masks_of_declared_classes(tmp_path: Path) -> None:
    for number in (1, 2):
        image(tmp_path / "images" / f"{number}.jpg")
        mask(tmp_path / "masks" / f"{number}.png", 0, 2, 1, dtype=np.uint16)
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    listing = read(tmp_path)
    assert held(listing)["train"]["images/1.jpg"] == [0, 2, 1]
    assert isinstance(target(listing).coding, Values)


def test_names_for_values_in_ascending_order(tmp_path: Path) -> None:
    for number in (1, 2):
        image(tmp_path / "images" / f"{number}.jpg")
        mask(tmp_path / "masks" / f"{number}.png", 0, 127, 254)
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    listing = read(tmp_path)
    assert held(listing)["train"]["images/1.jpg"] == [0, 1, 2]
    assert listing.notes[-1] == "values of the classes, in ascending order: 0 a, 127 b, 254 c"


def test_values_without_a_name_are_refused(tmp_path: Path) -> None:
    pairs(tmp_path, "images", "masks")
    mask(tmp_path / "masks" / "2.png", 0, 7, 7)
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    with pytest.raises(
        DataError, match=r"2\.png: value 7 has no class \(4 pixels\)\. .* hold 4 values \(0, 1, 2, 7\), but 3"
    ):
        read(tmp_path)


def test_values_that_a_table_leaves_out_are_refused_when_the_mask_is_read(tmp_path: Path) -> None:
    pairs(tmp_path, "images", "masks")
    (tmp_path / "classes.csv").write_text("name,value\na,0\nb,1\n")
    listing = read(tmp_path)
    with pytest.raises(DataError, match=r"1\.png: 1 value has no class, in 2 pixels: 2 \(2 pixels\)"):
        held(listing)


def test_soft_edges_are_no_classes(tmp_path: Path) -> None:
    for number in (1, 2):
        image(tmp_path / "images" / f"{number}.jpg", (20, 20))
        path = tmp_path / "masks" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.arange(400).reshape(20, 20).astype(np.uint8)).save(path)
    with pytest.raises(DataError, match=r"hold 256 different values or colours, .*1\.png; expected one for each"):
        read(tmp_path)


def test_one_value_alone_is_refused(tmp_path: Path) -> None:
    for number in (1, 2):
        image(tmp_path / "images" / f"{number}.jpg")
        mask(tmp_path / "masks" / f"{number}.png", 0)
    with pytest.raises(DataError, match="All 2 masks hold the one value 0; at least two classes are needed"):
        read(tmp_path)


def test_images_without_a_mask(tmp_path: Path) -> None:
    pairs(tmp_path, "images", "masks")
    image(tmp_path / "images" / "3.jpg")
    with pytest.raises(DataError, match=r"1 image in .*images without a mask: 3\.jpg\. Expected masks .* 3_mask\.png"):
        read(tmp_path)


def test_masks_without_an_image(tmp_path: Path) -> None:
    pairs(tmp_path, "images", "masks")
    mask(tmp_path / "masks" / "8.png", 1)
    with pytest.raises(DataError, match=r"1 mask in .*masks without an image of the same name in .*images: 8\.png"):
        read(tmp_path)


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    pairs(tmp_path, "images", "masks")
    image(tmp_path / "images" / "2.jpg", (3, 2))
    with pytest.raises(DataError, match=r"2\.png: the mask has 3×2 pixels, its image .* has 2×3; .*\(1 mask of 2"):
        read(tmp_path)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    pairs(tmp_path, "images", "masks")
    image(tmp_path / "images" / "1.png")
    with pytest.raises(DataError, match=r"1\.jpg and .*1\.png have the same name up to the suffix; keep one of them"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_an_unreadable_mask(tmp_path: Path, content: bytes) -> None:
    pairs(tmp_path, "images", "masks")
    (tmp_path / "masks" / "2.png").write_bytes(content)
    with pytest.raises(DataError, match=r"masks/2\.png: "):
        read(tmp_path)


def test_a_mask_that_is_cut_off(tmp_path: Path) -> None:
    pairs(tmp_path, "images", "masks")
    path = tmp_path / "masks" / "2.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=r"masks/2\.png: damaged or cut off"):
        read(tmp_path)


def test_an_unreadable_image_is_left_to_the_audit(tmp_path: Path) -> None:
    pairs(tmp_path, "images", "masks")
    (tmp_path / "images" / "2.jpg").write_bytes(b"hello")
    assert len(read(tmp_path).splits["train"]) == 2


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no images with masks\. Expected masks: DATA/images/1.jpg"):
        read(tmp_path, MASKS)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="holds no images with masks"):
        read(tmp_path, MASKS)


def test_class_folders_stay_class_folders(tmp_path: Path) -> None:
    for name in ("images/1.jpg", "masks/2.jpg"):
        image(tmp_path / name)
    assert read(tmp_path).kind == "label"
    pairs(tmp_path / "other", "images", "masks")
    assert read(tmp_path / "other", ReadOptions(kind="label")).kind == "label"


def test_masks_are_asked_for_where_there_are_none() -> None:
    arrays = np.zeros((4, 8, 8, 3), np.uint8), ["a", "b", "a", "b"]
    with pytest.raises(DataError, match=r"train\[0\]: label 'a' is no mask, as the task needs"):
        read(arrays, MASKS)


@needs_shared
def test_real_nuclei() -> None:
    listing = read(SHARED / "nuclei")
    assert (listing.kind, listing.classes) == ("mask", ("background", "foreground"))
    assert {split: len(samples) for split, samples in listing.splits.items()} == {"train": 90, "val": 20, "test": 20}
    assert target(listing).coding == Instances()
    counts = np.zeros(256, int)
    for samples in listing.splits.values():
        for sample in samples:
            assert isinstance(sample.target, MaskFile)
            assert isinstance(sample.target.source, Path)
            values = sample.target.load().values
            stored = np.asarray(Image.open(sample.target.source))
            assert np.array_equal(values, stored > 0)
            counts += np.bincount(values.ravel(), minlength=256)
    assert counts[2:].sum() == 0
