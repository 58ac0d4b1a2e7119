from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import plusx
from plusx.core.errors import InputError
from plusx.core.prediction import (
    Box,
    BoxesPrediction,
    LabelPrediction,
    LabelsPrediction,
    MaskPrediction,
    MasksPrediction,
    Prediction,
    ValuePrediction,
)
from plusx.workflows.pictures import check_folder, draw, drawn, indexed, keep

GREY = np.full((80, 120, 3), 128, np.uint8)
CLASSES = ("background", "cell", "细胞")
BOXES = BoxesPrediction("a/photo.jpg", (Box("cell", 0.9, 10, 20, 60, 70), Box("细胞", 0.5, 70, 5, 110, 30)))
BOTH = ((10, 20, 60, 70, 0.9, 1), (70, 5, 110, 30, 0.5, 2))
MASK = np.zeros((80, 120), np.uint8)
MASK[20:60, 30:90] = 1


def test_boxes_are_drawn_where_they_are() -> None:
    picture = np.asarray(drawn(GREY, BOXES, CLASSES).convert("RGB").resize((120, 80), Image.Resampling.BOX))
    changed = (picture != 128).any(axis=2)
    assert changed[40, 8:14].any()  # the left edge of the first box
    assert not changed[45:65, 20:50].any()  # its inside
    assert not changed[75:, :].any()


def test_masks_are_drawn_and_the_background_is_left() -> None:
    prediction = MaskPrediction.of("a.png", CLASSES, MASK)
    picture = np.asarray(draw(GREY, prediction).convert("RGB"))
    factor = picture.shape[1] / 120
    inside, outside = picture[int(40 * factor), int(60 * factor)], picture[int(5 * factor), int(5 * factor)]
    assert (outside == 128).all()
    assert (inside != 128).any()


def test_mask_files_hold_class_indices() -> None:
    picture = indexed(MaskPrediction.of("a.png", CLASSES, MASK))
    assert picture.mode == "P"
    assert np.array_equal(np.asarray(picture), MASK)


def test_files_have_the_images_names_and_none_is_lost(tmp_path: Path) -> None:
    for name in ("x/photo.jpg", "y/photo.jpg", "y/photo.jpg", "照片.png"):
        keep(tmp_path, GREY, MaskPrediction.of(name, CLASSES, MASK), CLASSES)
    names = {"photo", "y_photo", "y_photo 2", "照片"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}{end}" for n in names for end in (".png", ".mask.png")}
    assert np.array_equal(np.asarray(Image.open(tmp_path / "照片.mask.png")), MASK)


def test_masks_of_pictures_that_are_called_like_masks_are_not_lost(tmp_path: Path) -> None:
    """A folder that an earlier call wrote."""
    for name, mask in (("in/a.mask.png", MASK), ("in/a.png", 1 - MASK)):
        keep(tmp_path, GREY, MaskPrediction.of(name, CLASSES, mask), CLASSES)
    kept = {path.name: np.asarray(Image.open(path)) for path in tmp_path.glob("*.mask.png")}
    assert {"a.mask.png", "a.mask.mask.png", "in_a.mask.png"} == kept.keys()
    assert np.array_equal(kept["a.mask.mask.png"], MASK)
    assert np.array_equal(kept["in_a.mask.png"], 1 - MASK)


def test_every_class_has_a_file_of_its_own(tmp_path: Path) -> None:
    classes, masks = ("x/y", "x_y", "z"), np.zeros((3, 80, 120), np.bool_)
    masks[1] = True
    keep(tmp_path, GREY, MasksPrediction.of("a.png", classes, masks), classes)
    kept = {path.name: np.asarray(Image.open(path)).any() for path in tmp_path.glob("*.mask.png")}
    assert kept == {"a.x_y 0.mask.png": False, "a.x_y 1.mask.png": True, "a.z.mask.png": False}


def test_what_cannot_be_drawn_or_kept(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: a mask of 120×80 pixels for an image of 120×70\. Give the image"):
        draw(GREY[:70], MaskPrediction.of("a.png", CLASSES, MASK))
    with pytest.raises(InputError, match=r"boxes in an image of 120×80 pixels for an image of 120×70\. Give the image"):
        draw(GREY[:70], replace(BOXES, size=(80, 120)))
    (tmp_path / "old.png").touch()
    with pytest.raises(InputError, match=r"exists and is not empty\. Give a new folder with --save, or empty it"):
        check_folder(tmp_path)
    check_folder(tmp_path / "new")


def test_drawing_is_public() -> None:
    made: Any = plusx.draw(GREY, BOXES)
    assert isinstance(made, Image.Image)


def test_predictions_plot_themselves_by_the_name_of_their_file(tmp_path: Path) -> None:
    path = tmp_path / "照片.png"
    Image.fromarray(GREY).save(path)
    prediction = MaskPrediction.of(str(path), CLASSES, MASK)
    assert np.array_equal(np.asarray(prediction.plot()), np.asarray(draw(GREY, prediction)))
    moved = MaskPrediction.of("image[0]", CLASSES, MASK)
    with pytest.raises(InputError, match=r"There is no file image\[0\] to draw on.* Give the image: plot\(image\)"):
        moved.plot()
    assert np.array_equal(np.asarray(moved.plot(GREY)), np.asarray(draw(GREY, prediction)))


def test_a_class_has_one_colour_in_every_picture() -> None:
    """Whether or not the classes before it were found."""
    both, alone = (BoxesPrediction.of("a", CLASSES, rows) for rows in (BOTH, BOTH[1:]))
    colours = [np.asarray(one.plot(GREY).resize((120, 80), Image.Resampling.NEAREST))[20, 70] for one in (both, alone)]
    assert np.array_equal(*colours)
    assert not np.array_equal(colours[0], GREY[20, 70])


@pytest.mark.parametrize(
    "prediction",
    [
        LabelPrediction.of("a", ("rose", "玫瑰"), (0.3, 0.7)),
        LabelsPrediction.of("a", ("rose", "tulip"), (0.3, 0.2), 0.5),
        ValuePrediction.of("a", ("age", "price in a very long currency that reaches beyond"), (31.25, 1e6)),
    ],
)
def test_what_has_no_place_stands_below_the_image(prediction: Prediction) -> None:
    picture = np.asarray(prediction.plot(GREY))
    factor = 5
    assert (picture[: 80 * factor, : 120 * factor] == 128).all()
    strip = picture[80 * factor :]
    assert (strip < 100).any(axis=2).sum() > 50  # ink
    assert (strip[:, [0, -1]] == 255).all()  # and a margin on both sides
