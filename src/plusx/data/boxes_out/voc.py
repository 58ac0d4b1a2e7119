"""Writes boxes as Pascal VOC XML: Annotations/<stem>.xml and ImageSets/Main/<split>.txt."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from plusx.core.storage import write_text
from plusx.data.boxes_out.placed import Placed, corners_of, write_small, written

_DIGITS = 6
"""Decimals of pixels."""


def folder(split: str) -> str:
    return "JPEGImages"


def write(images: Sequence[Placed], classes: tuple[str, ...], out: Path) -> list[str]:
    """Corners count pixels from 1 and may have decimals. Ignored boxes are difficult objects."""
    for part in ("Annotations", "ImageSets/Main"):
        (out / part).mkdir(parents=True, exist_ok=True)
    for image in images:
        tree = _annotation(image, classes)
        ElementTree.indent(tree, "\t")
        path = out / "Annotations" / f"{Path(image.name).stem}.xml"
        write_small(path, ElementTree.tostring(tree, encoding="unicode") + "\n")
    for split in dict.fromkeys(image.split for image in images):
        stems = [Path(image.name).stem for image in images if image.split == split]
        write_text(out / "ImageSets" / "Main" / f"{split}.txt", "\n".join(stems) + "\n")
    seen = {int(index) for image in images for index in image.boxes.labels}
    lost = [name for index, name in enumerate(classes) if index not in seen]
    return [f"VOC lists no classes: {len(lost)} without a box are not in it, {', '.join(lost[:5])}"] if lost else []


def _annotation(image: Placed, classes: tuple[str, ...]) -> Element:
    top = Element("annotation")
    SubElement(top, "folder").text = "JPEGImages"
    SubElement(top, "filename").text = image.name
    size = SubElement(top, "size")
    height, width = image.size
    for side, value in (("width", width), ("height", height), ("depth", 3)):
        SubElement(size, side).text = str(value)
    SubElement(top, "segmented").text = "0"
    rows = zip(image.boxes.labels, image.boxes.ignored, corners_of(image.boxes), strict=True)
    for label, ignored, (x1, y1, x2, y2) in rows:
        one = SubElement(top, "object")
        SubElement(one, "name").text = classes[label]
        for key, value in (("pose", "Unspecified"), ("truncated", "0"), ("difficult", str(int(ignored)))):
            SubElement(one, key).text = value
        box = SubElement(one, "bndbox")
        for key, corner in (("xmin", x1 + 1), ("ymin", y1 + 1), ("xmax", x2), ("ymax", y2)):
            SubElement(box, key).text = written(corner, _DIGITS)
    return top
