"""Defects of image files, planted into photos of clothes and of things, fruits on a turntable, and drawn pictures."""

import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from planting import PLANTED, Field, Ground, Group, Kind
from plusx.data.images import read_image

SHARED = Path(__file__).parents[2] / "shared" / "data"
CLASSES = ("one", "two", "three", "four", "five")


def read(path: Path) -> Image.Image:
    return Image.fromarray(read_image(path))


def photos(root: Path, rng: np.random.Generator) -> Ground:
    return _copied(
        root, rng, sorted([*SHARED.glob("clothing/*/*/*.jpg"), *SHARED.glob("coco-permissive/images/*.jpg")])
    )


def fruits(root: Path, rng: np.random.Generator) -> Ground:
    return _copied(root, rng, sorted(SHARED.glob("fruits360/*/*/*/*.jpg")))


def drawn(root: Path, rng: np.random.Generator) -> Ground:
    """Shapes on a plain ground: half of them on white, as icons are."""
    ground = Ground(root, root, rng, [])
    for number in range(1400):
        size = (int(rng.integers(120, 200)), int(rng.integers(120, 200)))
        colour = "white" if number % 2 else tuple(int(v) for v in rng.integers(0, 256, 3))
        image = Image.new("RGB", size, colour)
        pen = ImageDraw.Draw(image)
        for _ in range(int(rng.integers(3, 9))):
            x, y = rng.integers(0, size)
            w, h = rng.integers(15, 90, 2)
            shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
            shape((x - w // 2, y - h // 2, x + w // 2, y + h // 2), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
        path = _place(root, number)
        image.save(path, quality=90)
        ground.fresh.append(path)
    return ground


def _place(root: Path, number: int) -> Path:
    """Every fourth goes to val."""
    path = root / ("val" if number % 4 == 3 else "train") / CLASSES[number % len(CLASSES)] / f"{number:05}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _copied(root: Path, rng: np.random.Generator, sources: Sequence[Path]) -> Ground:
    order = rng.permutation(len(sources))
    paths = [_place(root, number) for number in range(len(sources))]
    for number, path in zip(order, paths, strict=True):
        shutil.copy(sources[number], path)
    return Ground(root, root, rng, paths)


def each(change: Callable[[Path, np.random.Generator], Path]) -> Callable[[Ground], list[Group]]:
    """Defects of single images: `change` writes one in the place of a good one, and says where."""

    def plant(ground: Ground) -> list[Group]:
        return [ground.group(change(path, ground.rng)) for path in ground.draw()]

    return plant


def truncated(path: Path, rng: np.random.Generator) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * rng.uniform(0.2, 0.95))])
    return path


def ended(path: Path, rng: np.random.Generator) -> Path:
    """Cut off, and then given an end marker."""
    file = io.BytesIO()
    read(path).save(file, "JPEG", quality=90)
    data = file.getvalue()
    start = data.rindex(b"\xff\xda") + 14
    path.write_bytes(data[: start + int((len(data) - start) * rng.uniform(0.2, 0.9))].rstrip(b"\xff") + b"\xff\xd9")
    return path


def flipped(path: Path, rng: np.random.Generator) -> Path:
    file = io.BytesIO()
    read(path).save(file, "PNG")
    data = bytearray(file.getvalue())
    first = data.index(b"IDAT") + 4
    data[int(rng.integers(first, len(data) - 20))] ^= 1 << int(rng.integers(8))
    return _instead(path, ".png", bytes(data))


def empty(path: Path, rng: np.random.Generator) -> Path:
    path.write_bytes(b"")
    return path


def text(path: Path, rng: np.random.Generator) -> Path:
    path.write_text("<html><body>404 Not Found</body></html>\n" * int(rng.integers(1, 20)))
    return path


def misnamed(path: Path, rng: np.random.Generator) -> Path:
    read(path).save(path, "PNG")
    return path


def animated(path: Path, rng: np.random.Generator) -> Path:
    image = read(path)
    others = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
    return _saved(image, path, ".gif", save_all=True, append_images=others)


def paged(path: Path, rng: np.random.Generator) -> Path:
    image = read(path)
    return _saved(image, path, ".tif", save_all=True, append_images=[image.rotate(90)], compression="tiff_lzw")


def sixteen(path: Path, rng: np.random.Generator) -> Path:
    grey = np.asarray(read(path).convert("L")).astype(np.uint16) * 257
    return _saved(Image.fromarray(grey), path, ".png")


def inks(path: Path, rng: np.random.Generator) -> Path:
    return _saved(read(path).convert("CMYK"), path, ".jpg", quality=92)


def turned(path: Path, rng: np.random.Generator) -> Path:
    exif = Image.Exif()
    exif[0x0112] = int(rng.choice([3, 6, 8]))
    return _saved(read(path), path, ".jpg", quality=92, exif=exif)


def sized(path: Path, rng: np.random.Generator) -> Path:
    image = read(path)
    factor = 5 if rng.random() < 0.3 else 1 / 5
    return _saved(image.resize((int(image.width * factor), int(image.height * factor))), path, ".jpg", quality=80)


def strip(path: Path, rng: np.random.Generator) -> Path:
    image = read(path)
    return _saved(image.crop((0, image.height // 2, image.width, image.height // 2 + image.width // 9)), path, ".jpg")


def plain(path: Path, rng: np.random.Generator) -> Path:
    colour = rng.integers(0, 256, 3)
    pixels = colour + rng.integers(-2, 3, (200, 200, 3))
    return _saved(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), path, ".jpg", quality=90)


Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def again(image: Image.Image, rng: np.random.Generator, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def same(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image


def recompressed(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return again(image, rng, int(rng.integers(25, 80)))


def resized(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    factor = rng.uniform(0.3, 0.9)
    smaller = image.resize((int(image.width * factor), int(image.height * factor)), Image.Resampling.BICUBIC)
    return again(smaller, rng, 85)


def brightened(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return again(ImageEnhance.Brightness(image).enhance(rng.uniform(1.05, 1.15)), rng, 90)


def cropped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Up to 3 % from every side."""
    left, right = (1 + round(image.width * part) for part in rng.uniform(0, 0.03, 2))
    top, bottom = (1 + round(image.height * part) for part in rng.uniform(0, 0.03, 2))
    return again(image.crop((left, top, image.width - right, image.height - bottom)), rng, 90)


def copies(change: Change, split: str = "train", other_class: bool = False) -> Callable[[Ground], list[Group]]:
    """A changed copy of images in train, in a lossless file with other metadata, in `split`."""

    def plant(ground: Ground) -> list[Group]:
        groups = []
        for path in ground.draw(lambda path: path.parts[-3] == "train"):
            own = path.parent.name
            name = CLASSES[(CLASSES.index(own) + 1) % len(CLASSES)] if other_class else own
            copy = ground.root / split / name / f"copy-of-{path.stem}.png"
            change(read(path), ground.rng).save(copy, dpi=(72, 72))
            groups.append(ground.group(path, copy))
        return groups

    return plant


def placeholders(ground: Ground) -> list[Group]:
    """ "No image", saved by different programs: different bytes, the same pixels."""
    image = Image.new("RGB", (200, 160), (230, 230, 230))
    ImageDraw.Draw(image).text((60, 70), "no image", fill=(120, 120, 120), font_size=20)
    paths = []
    for number in range(PLANTED):
        paths.append(ground.root / "train" / CLASSES[number % len(CLASSES)] / f"missing-{number}.png")
        image.save(paths[-1], compress_level=number % 10)
    return [ground.group(*paths)]


def _instead(path: Path, suffix: str, data: bytes) -> Path:
    path.unlink()
    new = path.with_suffix(suffix)
    new.write_bytes(data)
    return new


def _saved(image: Image.Image, path: Path, suffix: str, **settings: Any) -> Path:
    path.unlink()
    new = path.with_suffix(suffix)
    image.save(new, **settings)
    return new


FILES = (
    Kind("JPEG cut off", ("cut-off",), each(truncated), also=("unreadable",)),
    Kind("JPEG cut off, with an end marker", ("constant-tail",), each(ended)),
    Kind("PNG with a flipped bit", ("unreadable",), each(flipped)),
    Kind("empty file", ("unreadable",), each(empty)),
    Kind("text named .jpg", ("unreadable",), each(text)),
    Kind("PNG named .jpg", ("wrong-suffix",), each(misnamed)),
    Kind("animated GIF", ("animated",), each(animated)),
    Kind("TIFF of two pages", ("multi-page",), each(paged)),
    Kind("16 bits", ("deep",), each(sixteen)),
    Kind("CMYK", ("cmyk",), each(inks)),
    Kind("turned by EXIF", ("turned",), each(turned)),
    Kind("a fifth or five times as large", ("unusual-size",), each(sized)),
    Kind("strip, 9:1", ("unusual-shape",), each(strip), also=("unusual-size", "one-colour")),
    Kind("one colour with noise", ("one-colour",), each(plain)),
)

EQUAL = (
    Kind("same pixels, saved again", ("duplicate",), copies(same)),
    Kind("same pixels in two splits", ("leak",), copies(same, split="val")),
    Kind("same pixels in two classes", ("contradiction",), copies(same, other_class=True), also=("duplicate",)),
    Kind("placeholder, 50 times in 5 classes", ("placeholder",), placeholders, also=("duplicate",)),
)

NEAR = (
    Kind("recompressed, quality 25 to 80", ("near-duplicate",), copies(recompressed)),
    Kind("resized to 0.3 to 0.9", ("near-duplicate",), copies(resized)),
    Kind("brighter by 5 to 15 %", ("near-duplicate",), copies(brightened)),
    Kind("up to 3 % cut from each side", ("near-duplicate",), copies(cropped)),
    Kind("resized, in two splits", ("near-leak",), copies(resized, split="val")),
    Kind(
        "resized, in two classes", ("near-contradiction",), copies(resized, other_class=True), also=("near-duplicate",)
    ),
)

IMAGE_FIELDS = (
    Field("photos", photos, (*FILES, *EQUAL)),
    Field("photos, copies", photos, NEAR),
    Field("fruits", fruits, (*FILES,)),
    Field("drawn", drawn, (*FILES, *EQUAL, *NEAR)),
)
