import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from plusx.data.inspection.facts import Facts, inspect_memory
from plusx.data.inspection.likeness import Likeness, likeness

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def picture(seed: int, height: int = 120, width: int = 160) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def saved(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    with Image.open(file) as again:
        return again.convert("RGB")


def found(*images: Image.Image) -> Likeness:
    return likeness([inspect_memory(image) for image in images])


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved again": saved,
    "smaller": lambda image: image.resize((67, 50)),
    "squashed": lambda image: image.resize((100, 100)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.2),
    "edges cut": lambda image: image.crop((2, 1, 157, 118)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_alike(change: str) -> None:
    pictures = [picture(seed) for seed in range(6)]
    assert found(*pictures, CHANGES[change](pictures[2])).pairs.tolist() == [[2, 6]]


def test_other_colours_are_another_picture() -> None:
    red = np.asarray(picture(0)).copy()
    other = red[:, :, ::-1]
    assert found(Image.fromarray(red), Image.fromarray(other)).pairs.tolist() == []


def test_pictures_of_one_colour_are_like_nothing() -> None:
    white = [Image.fromarray(np.full((40, 40, 3), 255 - i, np.uint8)) for i in range(5)]
    assert found(*white).pictures == []


def test_equal_pixels_are_one_picture() -> None:
    one, other = picture(0), picture(1)
    assert found(one, other, one.copy(), one.copy()).pictures == [[0, 2, 3], [1]]
    assert found(one, other, one.copy()).pairs.tolist() == []


def test_groups_are_linked_by_wanted_pairs() -> None:
    pairs = np.array([[0, 1], [1, 2], [3, 4]])
    alike = Likeness([[0, 9], [1], [2], [3], [4], [5]], pairs)
    assert alike.groups(lambda a, b: True) == [[0, 1, 2, 9], [3, 4]]
    assert alike.groups(lambda a, b: a == 1) == [[1, 2]]


def test_nothing() -> None:
    assert likeness([]).groups(lambda a, b: True) == []
    assert likeness([Facts("x", 9, 9)]).pictures == []


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_photos_and_their_copies() -> None:
    photos = []
    for path in sorted((SHARED / "clothing" / "train").glob("*/*.jpg"))[::8]:
        with Image.open(path) as image:
            photos.append(image.convert("RGB"))
    copies = [saved(image.resize((image.width // 2, image.height // 2))) for image in photos]
    assert found(*photos, *copies).pairs.tolist() == [[i, i + len(photos)] for i in range(len(photos))]
