"""Real sets as lists of images with targets, the same for every library of the contest."""

import csv
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from xml.etree import ElementTree

import numpy as np
from PIL import Image

Kind = Literal["classify", "regress", "multilabel"]
Target = int | float | list[int]


@dataclass(frozen=True)
class Contest:
    """`train` and `test`: image and target, which is a class index, a number, or 0 and 1 for each of `classes`."""

    kind: Kind
    classes: tuple[str, ...]
    train: Sequence[tuple[Path, Target]]
    test: Sequence[tuple[Path, Target]]


def clothing(shared: Path) -> Contest:
    """Ten kinds of clothes: 600 images to train on, 240 (its validation and test folders) to measure on."""
    root = shared / "clothing"
    return _folders(sorted(root.glob("train/*/*")), sorted([*root.glob("validation/*/*"), *root.glob("test/*/*")]))


def fruits3(shared: Path) -> Contest:
    """Apple, cherry, tomato; the split of the set."""
    root = shared / "fruits360"
    return _folders(sorted(root.glob("Training/*/*/*")), sorted(root.glob("Test/*/*/*")), depth=2)


def fruits67(shared: Path) -> Contest:
    """Its 67 varieties; every fourth view of each to measure on, which are turned a little against their neighbours."""
    files = sorted((shared / "fruits360").glob("T*/*/*/*"))
    train = [path for number, path in enumerate(files) if number % 4]
    return _folders(train, files[::4])


def fruits34(shared: Path) -> Contest:
    """Every other of these varieties, from the first on."""
    return _every_other(fruits67(shared), 0)


def fruits33(shared: Path) -> Contest:
    """The varieties between: what weights that were trained on `fruits34` know nearly."""
    return _every_other(fruits67(shared), 1)


def bccd(shared: Path) -> Contest:
    """How many cells are in a picture of blood; the split of the set (train and val to train on)."""
    root = shared / "bccd"

    def rows(part: str) -> list[tuple[Path, Target]]:
        names = (root / "ImageSets" / "Main" / f"{part}.txt").read_text().split()
        return [
            (root / "JPEGImages" / f"{name}.jpg", float(len(ElementTree.parse(file).findall("object"))))
            for name in names
            if (file := root / "Annotations" / f"{name}.xml").is_file()
        ]

    return Contest("regress", ("cells",), rows("trainval"), rows("test"))


def nuclei(shared: Path) -> Contest:
    """How many nuclei are in a picture; train to train on, val and test to measure on."""
    root = shared / "nuclei"

    def rows(part: str) -> list[tuple[Path, Target]]:
        return [
            (image, float(len(np.unique(np.asarray(Image.open(root / part / "instances" / f"{image.stem}.png")))) - 1))
            for image in sorted((root / part / "images").iterdir())
        ]

    return Contest("regress", ("nuclei",), rows("train"), [*rows("val"), *rows("test")])


def coco(shared: Path) -> Contest:
    """Which of the ten most frequent kinds of things are in a photo; a fifth to measure on."""
    root = shared / "coco-permissive"
    said = json.loads((root / "instances.json").read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in said["categories"]}
    found: dict[int, set[str]] = {one["id"]: set() for one in said["images"]}
    for one in said["annotations"]:
        found[one["image_id"]].add(names[one["category_id"]])
    counts = {name: sum(name in kinds for kinds in found.values()) for name in names.values()}
    classes = tuple(sorted(sorted(counts, key=lambda name: -counts[name])[:10]))
    rows: list[tuple[Path, Target]] = [
        (root / "images" / one["file_name"], [int(name in found[one["id"]]) for name in classes])
        for one in sorted(said["images"], key=lambda one: one["id"])
    ]
    random.Random(0).shuffle(rows)
    cut = len(rows) // 5
    return Contest("multilabel", classes, rows[cut:], rows[:cut])


SETS: Final[Mapping[str, Callable[[Path], Contest]]] = {
    each.__name__: each for each in (clothing, fruits3, fruits67, fruits34, fruits33, bccd, nuclei, coco)
}


def _folders(train: Sequence[Path], test: Sequence[Path], depth: int = 1) -> Contest:
    classes = tuple(sorted({path.parts[-1 - depth] for path in train}))
    rows = [[(path, classes.index(path.parts[-1 - depth])) for path in part] for part in (train, test)]
    return Contest("classify", classes, *rows)


def _every_other(contest: Contest, first: int) -> Contest:
    kept = range(first, len(contest.classes), 2)
    train, test = (
        [(path, kept.index(target)) for path, target in part if isinstance(target, int) and target in kept]
        for part in (contest.train, contest.test)
    )
    return Contest(contest.kind, tuple(contest.classes[number] for number in kept), train, test)


def table(contest: Contest, file: Path) -> None:
    """The training rows as a CSV table: image, and what plusx takes as its label."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("image", "label"))
        for path, target in contest.train:
            writer.writerow((path, said(contest, target)))


def said(contest: Contest, target: Target) -> str:
    """The target in words."""
    if isinstance(target, list):
        return ";".join(name for name, there in zip(contest.classes, target, strict=True) if there) or ";"
    return contest.classes[target] if contest.kind == "classify" and isinstance(target, int) else str(target)


if __name__ == "__main__":
    for name, made in SETS.items():
        contest = made(Path(sys.argv[1]))
        print(name, contest.kind, len(contest.classes), len(contest.train), len(contest.test))
