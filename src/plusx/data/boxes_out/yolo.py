"""Writes boxes as YOLO text: data.yaml and labels/<split>/<stem>.txt."""

import json
from collections.abc import Sequence
from pathlib import Path

from plusx.core.storage import write_text
from plusx.data.boxes_out.placed import Placed, corners_of, write_small, written

_DIGITS = 9
"""Decimals of shares; six, as is usual, would be 0.002 pixels of an image 4000 wide."""


def folder(split: str) -> str:
    return f"images/{split}"


def write(images: Sequence[Placed], classes: tuple[str, ...], out: Path) -> list[str]:
    """Every image has a label file, an empty one where it has no boxes. Ignored boxes are left out, with a note.

    Boxes that were predicted have their score in a sixth column.
    """
    splits = list(dict.fromkeys(image.split for image in images))
    for split in splits:
        (out / "labels" / split).mkdir(parents=True, exist_ok=True)
    for image in images:
        write_small(out / "labels" / image.split / f"{Path(image.name).stem}.txt", _lines(image))
    paths = [f"{split}: {folder(split)}" for split in splits]
    names = [f"  {index}: {json.dumps(name, ensure_ascii=False)}" for index, name in enumerate(classes)]
    write_text(out / "data.yaml", "\n".join([*paths, f"nc: {len(classes)}", "names:", *names]) + "\n")
    ignored = sum(int(image.boxes.ignored.sum()) for image in images)
    if not ignored:
        return []
    boxes = "1 ignored box" if ignored == 1 else f"{ignored} ignored boxes"
    return [f"YOLO cannot mark crowds and difficult objects: {boxes} left out, what they show counts as background"]


def _lines(image: Placed) -> str:
    height, width = image.size
    lines = []
    scores = [""] * len(image.boxes) if image.scores is None else [f" {written(s, 6)}" for s in image.scores]
    for label, ignored, (x1, y1, x2, y2), score in zip(
        image.boxes.labels, image.boxes.ignored, corners_of(image.boxes), scores, strict=True
    ):
        shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        if not ignored:
            lines.append(" ".join([str(label), *(written(share, _DIGITS) for share in shares)]) + f"{score}\n")
    return "".join(lines)
