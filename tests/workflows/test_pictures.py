from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import plusx
from plusx.core.errors import InputError
from plusx.core.prediction import Box, BoxesPrediction, LabelPrediction, MaskPrediction
from plusx.workflows.pictures import check_folder, draw, drawn, indexed, keep

GREY = np.full((80, 120, 3), 128, np.uint8)
CLASSES = ("background", "cell", "细胞")
BOXES = BoxesPrediction("a/photo.jpg", (Box("cell", 0.9, 10, 20, 60, 70), Box("细胞", 0.5, 70, 5, 110, 30)))
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


def test_what_cannot_be_drawn_or_kept(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="LabelPrediction has no place in the image; boxes and masks can be drawn"):
        draw(GREY, LabelPrediction.of("a", ("x", "y"), (0.5, 0.5)))
    (tmp_path / "old.png").touch()
    with pytest.raises(InputError, match=r"exists and is not empty\. Give a new folder with --save, or empty it"):
        check_folder(tmp_path)
    check_folder(tmp_path / "new")


def test_drawing_is_public() -> None:
    made: Any = plusx.draw(GREY, BOXES)
    assert isinstance(made, Image.Image)
