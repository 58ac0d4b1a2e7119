"""Recall and precision of the audit's checks of tables, labels, boxes, masks and names, on planted defects.

    python benchmarks/audit_labels.py [--planted 50]
    python benchmarks/audit_labels.py --real ../shared/data

Every kind gets a data set of its own: images of noise, all different, and so many defects of that kind at random
places. Found are the images that a finding of the kind's code names; recall is the share of planted ones that were
found, precision the share of found ones that were planted. Other codes that are raised beside it are listed. For
groups the unit is a data set: so many that consist of series by their names, and as many that do not.
"""

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plusx.core.errors import DataError
from plusx.core.sample import Listing, Sample
from plusx.core.targets import Label
from plusx.data.audit import Audit, audit
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.inspection.group_checks import series
from plusx.data.inspection.subject import Subject

GOOD = 200
CLASSES = ("cat", "dog", "red fox", "猫头鹰")
Planted = tuple[Path, frozenset[str]]
"""A data set and the names of what is wrong in it."""


def picture(path: Path, number: int, size: tuple[int, int] = (32, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(number).integers(0, 255, (*size[::-1], 3), np.uint8)
    Image.fromarray(noise).save(path)


def table(root: Path, rows: Sequence[tuple[str, str]], files: Iterable[str]) -> None:
    for number, name in enumerate(files):
        picture(root / name, number)
    with (root / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("image", "label"), *rows])


def labelled(count: int, chance: random.Random) -> list[tuple[str, str]]:
    return [(f"{number:05}.png", chance.choice(CLASSES)) for number in range(count)]


def row_without_file(root: Path, planted: int, chance: random.Random) -> Planted:
    rows = labelled(GOOD + planted, chance)
    lost = frozenset(name for name, _ in chance.sample(rows, planted))
    table(root, rows, [name for name, _ in rows if name not in lost])
    return root, lost


def file_without_row(root: Path, planted: int, chance: random.Random) -> Planted:
    rows = labelled(GOOD + planted, chance)
    lost = frozenset(name for name, _ in chance.sample(rows, planted))
    table(root, [row for row in rows if row[0] not in lost], [name for name, _ in rows])
    return root, lost


def relabelled(
    root: Path, planted: int, chance: random.Random, label: Callable[[str], str], good: int = GOOD
) -> Planted:
    rows = labelled(good + planted, chance)
    wrong = frozenset(name for name, _ in chance.sample(rows, planted))
    table(root, [(name, label(own) if name in wrong else own) for name, own in rows], [name for name, _ in rows])
    return root, wrong


def unsure(root: Path, planted: int, chance: random.Random) -> Planted:
    words = ("Not sure", "unknown", "?", "UNSURE", "not_sure", "tbd", "不确定", "Don't know", "skip", "hard to tell")
    return relabelled(root, planted, chance, lambda own: chance.choice(words))


def missing(root: Path, planted: int, chance: random.Random) -> Planted:
    return relabelled(
        root, planted, chance, lambda own: chance.choice(("", "NaN", "nan", "N/A", "null", "  ", "NA", "<NA>"))
    )


def variant(root: Path, planted: int, chance: random.Random) -> Planted:
    """What is merged by the reader (spaces at the ends) is no defect any more and not planted."""

    def other(own: str) -> str:
        wide = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in own)
        forms = (
            own.upper(),
            own.title(),
            own[:1].upper() + own[1:],
            own.replace(" ", "  "),
            own.replace(" ", "\u00a0"),
            wide,
        )
        forms = (*forms, own[:1] + "\u200b" + own[1:], own.replace(" ", "_"))
        different = [form for form in forms if form != own]
        return chance.choice(different)

    return relabelled(root, planted, chance, other)


def number_among_text(root: Path, planted: int, chance: random.Random) -> Planted:
    return relabelled(root, planted, chance, lambda own: str(chance.randrange(10)), good=3 * GOOD)


def decimal_among_text(root: Path, planted: int, chance: random.Random) -> Planted:
    return relabelled(root, planted, chance, lambda own: f"{chance.random():.2f}")


def coco(
    root: Path, planted: int, chance: random.Random, spoil: Callable[[dict[str, Any], dict[str, Any]], Any]
) -> Planted:
    """Three boxes an image; `spoil` gets the content and the first annotation of each chosen image."""
    content: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 3, "name": "cat"}]}
    for number in range(GOOD + planted):
        picture(root / "images" / f"{number:05}.png", number)
        content["images"].append({"id": number, "file_name": f"{number:05}.png", "width": 32, "height": 24})
        for box in range(3):
            x, y = chance.uniform(0, 20), chance.uniform(0, 14)
            one = {"id": 3 * number + box, "image_id": number, "category_id": 3, "area": 9}
            content["annotations"].append({**one, "bbox": [x, y, chance.uniform(3, 32 - x), chance.uniform(3, 24 - y)]})
    chosen = chance.sample(range(GOOD + planted), planted)
    names = frozenset(
        spoil(content, content["annotations"][3 * number]) or f"images/{number:05}.png" for number in chosen
    )
    (root / "annotations.json").write_text(json.dumps(content))
    return root, names


def zero_area(root: Path, planted: int, chance: random.Random) -> Planted:
    return coco(root, planted, chance, lambda content, one: one["bbox"].__setitem__(chance.choice((2, 3)), 0))


def outside(root: Path, planted: int, chance: random.Random) -> Planted:
    return coco(root, planted, chance, lambda content, one: one["bbox"].__setitem__(0, chance.choice((-60, 33, 500))))


def over_the_edge(root: Path, planted: int, chance: random.Random) -> Planted:
    return coco(
        root,
        planted,
        chance,
        lambda content, one: one["bbox"].__setitem__(2, 32 - one["bbox"][0] + chance.uniform(0.5, 9)),
    )


def swapped(root: Path, planted: int, chance: random.Random) -> Planted:
    def spoil(content: dict[str, Any], one: dict[str, Any]) -> None:
        one["bbox"][2] *= -1

    return coco(root, planted, chance, spoil)


def repeated(root: Path, planted: int, chance: random.Random) -> Planted:
    def spoil(content: dict[str, Any], one: dict[str, Any]) -> None:
        content["annotations"].append({**one, "id": one["id"] + 1_000_000})

    return coco(root, planted, chance, spoil)


def without_image(root: Path, planted: int, chance: random.Random) -> Planted:
    def spoil(content: dict[str, Any], one: dict[str, Any]) -> str:
        one["image_id"] += 1_000_000
        return f"annotation {one['id']}"

    return coco(root, planted, chance, spoil)


def undeclared_category(root: Path, planted: int, chance: random.Random) -> Planted:
    return coco(root, planted, chance, lambda content, one: one.__setitem__("category_id", 77))


def masks(root: Path, planted: int, chance: random.Random, spoil: Callable[[Path, Path], str | None]) -> Planted:
    for number in range(GOOD // 2 + planted):
        picture(root / "images" / f"{number:05}.png", number)
        (root / "masks").mkdir(exist_ok=True)
        values = np.random.default_rng(number).choice([0, 1, 2, 255], (24, 32)).astype(np.uint8)
        Image.fromarray(values).save(root / "masks" / f"{number:05}.png")
    (root / "classes.csv").write_text("name,value\nground,0\nroad,1\nsky,2\n")
    chosen = [f"{number:05}.png" for number in chance.sample(range(GOOD // 2 + planted), planted)]
    return root, frozenset(spoil(root / "images" / name, root / "masks" / name) or f"images/{name}" for name in chosen)


def mask_size(root: Path, planted: int, chance: random.Random) -> Planted:
    def spoil(image: Path, mask: Path) -> None:
        Image.open(mask).resize(chance.choice(((24, 32), (31, 24), (64, 48))), Image.Resampling.NEAREST).save(mask)

    return masks(root, planted, chance, spoil)


def mask_value(root: Path, planted: int, chance: random.Random) -> Planted:
    def spoil(image: Path, mask: Path) -> None:
        values = np.array(Image.open(mask))
        values[chance.randrange(24), chance.randrange(32)] = chance.choice((3, 7, 128, 254))
        Image.fromarray(values).save(mask)

    return masks(root, planted, chance, spoil)


def without_mask(root: Path, planted: int, chance: random.Random) -> Planted:
    return masks(root, planted, chance, lambda image, mask: mask.unlink())


def mask_alone(root: Path, planted: int, chance: random.Random) -> Planted:
    def spoil(image: Path, mask: Path) -> str:
        image.unlink()
        return f"masks/{mask.name}"

    return masks(root, planted, chance, spoil)


KINDS: dict[str, tuple[Callable[[Path, int, random.Random], Planted], str, str | None]] = {
    "row without file": (row_without_file, "row-without-image", None),
    "file without row": (file_without_row, "image-without-row", None),
    "label says that nobody knew": (unsure, "label-unsure", None),
    "no label (empty, NaN, n/a)": (missing, "no-label", None),
    "variant of a label (case, spaces, width)": (variant, "case-twins", None),
    "whole number among text": (number_among_text, "label-mixed", None),
    "decimal number among text": (decimal_among_text, "label-type", None),
    "box without area": (zero_area, "box-empty", None),
    "box outside": (outside, "box-outside", None),
    "box over the edge": (over_the_edge, "box-clipped", None),
    "corners swapped": (swapped, "box-swapped", None),
    "box twice": (repeated, "box-duplicate", None),
    "annotation without image": (without_image, "annotation-without-image", None),
    "undeclared category": (undeclared_category, "annotation-wrong", None),
    "mask of another size": (mask_size, "mask-size", "mask"),
    "undeclared value in a mask": (mask_value, "mask-unusable", "mask"),
    "image without mask": (without_mask, "image-without-mask", "mask"),
    "mask without image": (mask_alone, "mask-without-image", "mask"),
}


def codes_beside(found: Audit, code: str) -> str:
    others = {finding.code for finding in found.findings if finding.code != code and finding.severity != "note"}
    return ", ".join(sorted(others)) or "none"


def measure(kind: str, planted: int, seed: int) -> tuple[float, float, str]:
    make, code, task = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        source, wrong = make(Path(folder) / "data", planted, random.Random(seed))
        listing = read(source, ReadOptions(broken="finding", kind=task))  # type: ignore[arg-type]
        report = audit(listing, workers=1)
    found = {name for finding in report.findings if finding.code == code for name in finding.names}
    hits = len(found & wrong)
    return hits / len(wrong), hits / max(len(found), 1), codes_beside(report, code)


PEOPLE = ("anna", "ben", "chloe", "deepak", "elena", "farid", "grace", "hugo", "王芳", "李伟", "yuki", "zoe")


def moments(chance: random.Random, count: int) -> list[str]:
    """What a phone calls photos, without the ending."""
    days = [f"2023{chance.randint(1, 12):02}{chance.randint(1, 28):02}" for _ in range(count)]
    return [f"IMG_{day}_{chance.randint(8, 22):02}{chance.randint(100, 5959):04}" for day in days]


def in_series(chance: random.Random) -> list[str]:
    """File names of a data set that consists of series."""
    dash, count = chance.choice("-_ "), chance.randint(4, 30)
    first = chance.randrange(1, 900)
    forms: tuple[Callable[[], list[str]], ...] = (
        lambda: [f"clip{dash}{c}{dash}frame{f * 5:05}.jpg" for c in range(count) for f in range(chance.randint(3, 9))],
        lambda: [f"{first + c}{dash}{f}.png" for c in range(count) for f in range(1, chance.randint(3, 6))],
        lambda: [f"{who}{dash}{n}.jpg" for who in chance.sample(PEOPLE, 6) for n in range(1, chance.randint(4, 40))],
        lambda: [
            f"{who.title()}{n:04}.jpg" for who in chance.sample(PEOPLE, 6) for n in range(1, chance.randint(4, 40))
        ],
        lambda: [f"video_{c}/{f:04}.jpg" for c in range(count) for f in range(1, 12)],
        lambda: [f"patient{c:03}{dash}{side}.png" for c in range(count) for side in ("L", "R")],
        lambda: [f"{c:04}{dash}{side}.png" for c in range(count) for side in ("front", "back", "side")],
        lambda: [f"DSC0{first + c}{dash}({k}).jpg" for c in range(count) for k in (1, 2, 3)],
        lambda: [f"{shot}_BURST{k:03}.jpg" for shot in moments(chance, count) for k in (1, 2)],
        lambda: [
            f"s{c:02}{dash}{act}{dash}{n}.png" for c in range(max(count, 6)) for act in ("run", "sit") for n in (1, 2)
        ],
        lambda: [f"scene{c}{dash}cam{k}.png" for c in range(count) for k in range(3)],
    )
    return chance.choice(forms)()


def ordinary(chance: random.Random) -> list[str]:
    """File names as photographs, downloads and exports have them."""
    count, first = chance.randint(30, 200), chance.randrange(1, 5000)
    forms: tuple[Callable[[], list[str]], ...] = (
        lambda: [f"IMG_{first + n:04}.JPG" for n in range(count)],
        lambda: [f"{chance.choice(('IMG', 'DSC', 'P'))}_{first + n:05}.jpg" for n in range(count)],
        lambda: [f"{first + n * chance.randint(1, 3):06}.png" for n in range(count)],
        lambda: [f"{chance.getrandbits(64):016x}.jpg" for _ in range(count)],
        lambda: [f"{chance.getrandbits(48):012x}-{chance.getrandbits(16):04x}.jpg" for _ in range(count)],
        lambda: [f"photo ({n}).jpg" for n in range(1, count)],
        lambda: [
            f"PXL_202305{chance.randint(1, 28):02}_{chance.randint(60000, 235959):06}{chance.randrange(1000):03}.jpg"
            for _ in range(count)
        ],
        lambda: [f"{shot[4:12]} at {shot[13:15]}.{shot[15:17]}.{shot[17:]}.jpg" for shot in moments(chance, count)],
        lambda: [
            f"Screenshot_2022{chance.randint(100, 1231):04}-{chance.randint(80000, 235959)}.png" for _ in range(count)
        ],
        lambda: [f"{chance.randrange(10**9)}_{chance.getrandbits(40):010x}_b.jpg" for _ in range(count)],
        lambda: [f"{chance.choice(CLASSES)}.{n}.jpg" for n in range(count)],
        lambda: [f"cell {n}.tif" for n in range(count)],
    )
    return chance.choice(forms)()


def fires(names: list[str], chance: random.Random) -> bool:
    """Whether series are found; labels are the first word where that is a class, else drawn."""
    names = list(dict.fromkeys(names))
    known = {name: index for index, name in enumerate(CLASSES)}
    labels = [known.get(name.split(".")[0], chance.randrange(2)) for name in names]
    samples = tuple(Sample(Path(name), Label(label), name) for name, label in zip(names, labels, strict=True))
    return bool(list(series(Subject(Listing({"train": samples}, "label", CLASSES), ()))))


def measure_groups(planted: int, seed: int) -> tuple[float, float, str]:
    chance = random.Random(seed)
    found = sum(fires(in_series(chance), chance) for _ in range(planted))
    false = sum(fires(ordinary(chance), chance) for _ in range(planted))
    return found / planted, found / max(found + false, 1), f"{planted} data sets of each sort"


def real_sets(root: Path) -> None:
    """Every data set of `root`: as it is read, where it is one that has labels; else by the names of its images."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        try:
            listing = read(folder, ReadOptions(broken="finding"))
            listing = replace(listing, splits={"train": listing.splits["train"]})
        except DataError:
            names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.[jp][pn]*g"))
            listing = Listing({"train": tuple(Sample(Path(name), None, name) for name in names)}, "value", ("none",))
        found = [one for one in listing.findings if one.code == "groups-column"]
        found += series(Subject(listing, ()))
        told = found[0].message.partition(":")[0] + f": {' '.join(found[0].options)}" if found else "quiet"
        print(f"| {folder.name} | {listing.format or 'names'} | {len(listing.splits['train'])} | {told} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--planted", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=Path, help="folder of real data sets: tell which of them are taken for series")
    options = parser.parse_args()
    if options.real is not None:
        real_sets(options.real)
        return
    print(f"| {options.planted} planted of each kind | code | recall | precision | other codes raised |")
    print("|---|---|---|---|---|")
    for kind, (_, code, _) in KINDS.items():
        recall, precision, beside = measure(kind, options.planted, options.seed)
        print(f"| {kind} | `{code}` | {recall:.2f} | {precision:.2f} | {beside} |", flush=True)
    recall, precision, beside = measure_groups(options.planted, options.seed)
    print(f"| series by name | `groups-names` | {recall:.2f} | {precision:.2f} | {beside} |")


if __name__ == "__main__":
    main()
