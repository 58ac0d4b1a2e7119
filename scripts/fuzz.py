"""Feed our own parsing code with odd input, led by coverage: `python scripts/fuzz.py TARGET [-max_total_time=60]`.

Targets are those of `TARGETS`; what stands behind them goes to libFuzzer. Whatever is raised but a `PlusxError` is a
fault, and so is an input that takes longer than 5 seconds or 2 GB. Needs atheris (Linux, Python 3.11).

Inputs of JSON are changed as trees half of the time: a place in them gets a value that breaks readers elsewhere.
"""

import contextlib
import json
import random
import shutil
import struct
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import atheris
from PIL import Image

OURS = ["plusx.data", "plusx.deploy.metadata", "plusx.engine", "plusx.weights", "plusx.workflows", "json", "csv"]

with atheris.instrument_imports(include=[*OURS, "xml.etree"]):
    from plusx.core.errors import PlusxError
    from plusx.core.masks import LazyMask
    from plusx.data.formats.mask_table import class_table
    from plusx.data.formats.plain_yaml import parse
    from plusx.data.formats.read import ReadOptions, read
    from plusx.deploy.metadata import Metadata

ODD: list[Any] = [
    *(None, True, -1, 0, 2**31, 2**63, 10**400, 1e308, -0.0, 0.5, float("nan"), float("inf"), -float("inf")),
    *(
        "",
        "\0",
        "\ud800",
        "..",
        "../../x",
        "/etc/passwd",
        "1e999",
        "1_0",
        "٣",
        "²",
        "-0",
        "a" * 5000,
        "\u202e",
        "background",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        [1, 2, 3, 4],
        [1e308] * 4,
        "NaN",
        [[0, 0, 9, 0, 9, 9]],
        {"counts": "", "size": [0, 0]},
    ),
    *({"counts": [10**12], "size": [10**6, 10**6]}, {"counts": "o" * 200 + "0", "size": [8, 8]}, [10**9, 10**9]),
]
"""Values that readers stumble over."""

CARD = {
    "name": "a",
    "architecture": "resnet20",
    "build": {},
    "input": {
        "size": [8, 8],
        "resize": 8,
        "fit": "crop",
        "interpolation": "bilinear",
        "mean": [0.5],
        "std": [0.5],
        "order": "L",
    },
    "classes": ["a", "b"],
    "vocabulary": "",
    "source": {"layout": "plusx", "url": "", "repository": "", "filename": "", "sha256": ""},
    "licence": "",
    "permissive": False,
    "metrics": {},
    "largest_image": [8, 8],
}
BOX = {"image_id": 1, "category_id": 7, "bbox": [0, 0, 4, 4], "iscrowd": 0, "area": 16}
COCO = {
    "images": [{"id": 1, "file_name": "1.png", "height": 8, "width": 8}, {"id": "b", "file_name": "2.png"}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 7, "name": "dog"}],
    "annotations": [
        BOX | {"id": 1, "segmentation": [[0, 0, 4, 0, 4, 4]]},
        BOX | {"id": 2, "image_id": "b", "iscrowd": 1, "segmentation": {"counts": [0, 63], "size": [7, 9]}},
        BOX | {"id": 3, "segmentation": {"counts": "0P2", "size": [8, 8]}},
    ],
}
VOC = (
    b'<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY a "aa">]><annotation><filename>1.png</filename><size>'
    b"<width>8</width><height>8</height></size><object><name>&a;</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5"
    b"</xmax><ymax>5</ymax></bndbox></object></annotation>"
)
YAML = b"path: .\ntrain: [images]\nval: images # b\nnc: 2\nnames:\n  0: 'a'\n  1: \"b\\u00e9\"\n"
CSVS = (
    b"image,label\n1.png,a\n2.png,b\n",
    b"image;label\n1.png;1,5\n2.png;2,5\n",
    b"filename,xmin,ymin,xmax,ymax,class,width,height\n1.png,0,0,4,4,cat,8,8\n2.png,,,,,,,\n",
    b"image\tlabel\tsplit\n1.png\ta|b\ttrain\n2.png\tb\tval\n",
    "\ufeffimage,a,b\n1.png,1,0\n2.png,0,1\n".encode("utf-16"),
)
PLAN = {
    "epochs": 2,
    "optimizer": {"name": "adamw", "rate": 0.001},
    "schedule": {"name": "cosine"},
    "accumulate": 1,
    "clip": None,
    "ema": None,
    "frozen_epochs": 0,
    "stage_decay": 1.0,
    "frozen_norm": False,
    "patience": None,
    "seed": 0,
}
CHECKPOINT = {
    "state": {
        "epoch": 1,
        "batch": 0,
        "step": 3,
        "samples": 0,
        "sums": {},
        "seconds": 0.0,
        "best_metric": 0.5,
        "best_epoch": 1,
        "history": [{}],
    },
    "plan": PLAN,
    "batches": 3,
    "primary": "top-1",
    "placement": {"device": "cpu", "precision": "fp32", "channels_last": False, "compile": False, "reason": ""},
    "versions": {"plusx": "0.1.0", "torch": "2.11.0"},
}
SETTINGS = {
    "data": "data",
    "validation_data": None,
    "settings": {"task": "auto", "label_column": ["a"], "val_fraction": 0.2, "image_size": 32, "exclude": None},
    "start": "random weights",
    "plan": PLAN,
    "card": CARD,
    "task": {"name": "classify", "classes": ["a", "b"]},
    "classes": ["a", "b"],
}


class Place:
    """A data set of two images whose annotations are written anew each time."""

    def __init__(self, *, labels: bool = False) -> None:
        memory = Path("/dev/shm")
        self.root = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))
        folder = self.root / "images" if labels else self.root
        folder.mkdir(exist_ok=True)
        for name, size in (("1.png", (8, 8)), ("2.png", (9, 7))):
            Image.new("L", size).save(folder / name)

    def write(self, name: str, data: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path


def listed(source: Path, **options: Any) -> None:
    """Reads a data set and every mask in it."""
    for samples in read(source, ReadOptions(**options)).splits.values():
        for sample in samples:
            if isinstance(sample.target, LazyMask):
                sample.target.load()


def coco() -> Callable[[bytes], None]:
    place = Place()
    return lambda data: listed(place.write("a.json", data))


def coco_masks() -> Callable[[bytes], None]:
    place = Place()

    def run(data: bytes) -> None:
        path = place.write("a.json", data)
        listed(path, kind="mask")
        listed(path, kind="masks")

    return run


def voc() -> Callable[[bytes], None]:
    place = Place()
    return lambda data: listed(place.write("Annotations/1.xml", data).parent.parent)


def yolo() -> Callable[[bytes], None]:
    place = Place(labels=True)
    place.write("labels/1.txt", b"0 0.5 0.5 0.5 0.5\n")
    return lambda data: listed(place.write("data.yaml", data))


def yolo_labels() -> Callable[[bytes], None]:
    place = Place(labels=True)
    path = place.write("data.yaml", YAML)

    def run(data: bytes) -> None:
        place.write("labels/1.txt", data)
        listed(path)

    return run


def yaml() -> Callable[[bytes], None]:
    return lambda data: (
        parse(data.decode("utf-8", "surrogateescape"), ("path", "train", "names", "nc"), "a.yaml") and None
    )


def table() -> Callable[[bytes], None]:
    place = Place()

    def run(data: bytes) -> None:
        path = place.write("a.csv", data)
        for kind in (None, "label", "labels", "value", "boxes"):
            try:
                listed(path, kind=kind)
            except PlusxError:
                continue

    return run


def classes() -> Callable[[bytes], None]:
    place = Place()

    def run(data: bytes) -> None:
        for name in ("classes.txt", "classes.csv"):
            place.write(name, data)
            try:
                class_table(place.root)
            except PlusxError:
                continue
            finally:
                (place.root / name).unlink()

    return run


def model() -> Callable[[bytes], None]:
    """The first byte says whether the rest is the JSON of a header, or the file."""
    with atheris.instrument_imports(include=OURS):
        from plusx.weights.header import read_header
        from plusx.weights.modelfile import load_model
    place = Place()

    def run(data: bytes) -> None:
        if data[:1] < b"\x80":
            path = place.write("a.safetensors", data[1:])
        else:
            path = place.write("a.safetensors", struct.pack("<Q", len(data) - 1) + data[1:])
        read_header(path)
        load_model(path)

    return run


def metadata() -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        content = json.loads(data)
        if isinstance(content, dict):
            texts = {key: json.dumps(value) for key, value in content.items()}
            Metadata.from_texts(texts | {"plusx.version": "1"}, "a.onnx").outputs  # noqa: B018

    return run


def resume() -> Callable[[bytes], None]:
    with atheris.instrument_imports(include=OURS):
        from plusx.engine.placement import Placement
        from plusx.engine.resume import check_agrees, differences

    now = Placement.from_json(CHECKPOINT["placement"])

    def run(data: bytes) -> None:
        content = json.loads(data)
        if isinstance(content, dict):
            check_agrees(content, CHECKPOINT)
            differences(content, now)

    return run


def archive() -> Callable[[bytes], None]:
    with atheris.instrument_imports(include=OURS):
        from plusx.engine import checkpoint

    place = Place()
    return lambda data: checkpoint.read(place.write("a.pt", data)) and None


def settings() -> Callable[[bytes], None]:
    """A run's settings.json and data.json at once."""
    with atheris.instrument_imports(include=OURS):
        from plusx.workflows.fit_settings import FitSettings
        from plusx.workflows.options import settings_from
        from plusx.workflows.original_data import original_data

    place = Place()
    place.write("split.csv", b"split,image,target,sha256\ntrain,1.png,a,\n")

    def run(data: bytes) -> None:
        place.write("settings.json", data)
        place.write("data.json", data)
        with contextlib.suppress(PlusxError):
            original_data(place.root)
        content = json.loads(data)
        if isinstance(content, dict) and isinstance(content.get("settings"), dict):
            settings_from(FitSettings, content["settings"])

    return run


def as_json(*values: Any) -> tuple[bytes, ...]:
    return tuple(json.dumps(value).encode() for value in values)


def header(card: Any, task: Any) -> bytes:
    texts = {"plusx.version": 1, "plusx.card": card, "plusx.task": task, "plusx.extra": {}}
    values = {key: json.dumps(value) for key, value in texts.items()}
    return json.dumps({"__metadata__": values, "a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}).encode()


_TASK = {"name": "classify", "config": {"classes": ["a", "b"], "label_smoothing": 0.1}}
_EXPORTED = {"plusx.card": CARD, "plusx.task": _TASK, "plusx.classes": ["a", "b"], "plusx.outputs": ["probabilities"]}
_ARCHIVE = Path(tempfile.mkdtemp()) / "a.pt"

TARGETS: dict[str, SimpleNamespace] = {
    "coco": SimpleNamespace(make=coco, seeds=as_json(COCO), tree=True),
    "coco-masks": SimpleNamespace(make=coco_masks, seeds=as_json(COCO), tree=True),
    "voc": SimpleNamespace(make=voc, seeds=(VOC,), tree=False),
    "yolo": SimpleNamespace(make=yolo, seeds=(YAML,), tree=False),
    "yolo-labels": SimpleNamespace(make=yolo_labels, seeds=(b"0 .5 .5 .5 .5\n1 0.5 0.5 1e-3 1 0.9\n",), tree=False),
    "yaml": SimpleNamespace(make=yaml, seeds=(YAML, b"names: {0: a, 1: 'b,c'}\ntrain: |\n  x\n"), tree=False),
    "table": SimpleNamespace(make=table, seeds=CSVS, tree=False),
    "classes": SimpleNamespace(
        make=classes,
        seeds=(b"cat:255,0,0::\n", b"0 cat\n1 dog\n", b"name,value\na,0\nb,1\n", b"name,r,g,b\na,1,2,3\n"),
        tree=False,
    ),
    "model": SimpleNamespace(make=model, seeds=(b"\xff" + header(CARD, _TASK),), tree=False),
    "metadata": SimpleNamespace(make=metadata, seeds=as_json(_EXPORTED), tree=True),
    "resume": SimpleNamespace(make=resume, seeds=as_json(CHECKPOINT), tree=True),
    "archive": SimpleNamespace(make=archive, seeds=(), tree=False),
    "settings": SimpleNamespace(make=settings, seeds=as_json(SETTINGS), tree=True),
}


def places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value in a tree of JSON."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            found.append((one, key))
            waiting.append(one[key])
    return found


def changed(value: Any, luck: random.Random) -> Any:
    """The tree with one place filled anew, taken away or doubled."""
    where = places(value)
    if not where:
        return luck.choice(ODD)
    container, key = luck.choice(where)
    kind = luck.random()
    if kind < 0.6:
        container[key] = luck.choice(ODD)
    elif kind < 0.75:
        del container[key]
    elif kind < 0.9:
        other, name = luck.choice(where)
        copied = (
            json.loads(json.dumps(other[name]))
            if name in (other if isinstance(other, dict) else range(len(other)))
            else None
        )
        container[key] = copied
    elif isinstance(container, list):
        container.append(luck.choice(ODD))
    else:
        container[luck.choice(["id", "", "name", "x"])] = luck.choice(ODD)
    return value


def mutator(data: bytes, size: int, seed: int) -> bytes:
    luck = random.Random(seed)
    if luck.random() < 0.7:
        try:
            tree = changed(json.loads(data), luck)
            text = json.dumps(tree).encode()
            return text if len(text) <= size else data
        except (ValueError, RecursionError, UnicodeError):
            pass
    return atheris.Mutate(data, len(data))


def header_mutator(data: bytes, size: int, seed: int) -> bytes:
    """Changes the JSON, or that inside of a text of its metadata."""
    luck = random.Random(seed)
    if luck.random() < 0.7:
        try:
            content = json.loads(data[1:])
            texts = content.get("__metadata__", {})
            if luck.random() < 0.8 and texts:
                key = luck.choice(sorted(texts))
                texts[key] = json.dumps(changed(json.loads(texts[key]), luck))
            else:
                content = changed(content, luck)
            text = b"\xff" + json.dumps(content).encode()
            return text if len(text) <= size else data
        except (ValueError, RecursionError, UnicodeError, AttributeError, TypeError):
            pass
    return atheris.Mutate(data, len(data))


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        raise SystemExit(f"usage: python scripts/fuzz.py TARGET [options of libFuzzer]; targets: {', '.join(TARGETS)}")
    target = TARGETS[name]
    seeds = target.seeds
    run = target.make()
    if name == "archive":
        from plusx.engine import checkpoint

        checkpoint.write(_ARCHIVE, {"state": {"epoch": 1}})
        seeds = (_ARCHIVE.read_bytes(),)
    corpus = Path(tempfile.mkdtemp(prefix=f"corpus-{name}-"))
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)

    faults = Faults(name)

    def once(data: bytes) -> None:
        try:
            run(data)
        except PlusxError:
            pass
        except Exception as error:
            faults.add(error, data)

    options = ["-timeout=5", "-rss_limit_mb=2048", "-max_len=16384", *sys.argv[2:], str(corpus)]
    mutate = header_mutator if name == "model" else mutator if target.tree else None
    atheris.Setup([sys.argv[0], *options], once, **({"custom_mutator": mutate} if mutate else {}))
    try:
        atheris.Fuzz()
    finally:
        shutil.rmtree(corpus, ignore_errors=True)


class Faults:
    """Goes on after a fault: of each place in our code that one comes from, the shortest input is kept and told."""

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"faults-{name}-"))
        self.shortest: dict[str, int] = {}
        print(f"faults are kept in {self.folder}", file=sys.stderr)

    def add(self, error: Exception, data: bytes) -> None:
        ours = [one for one in traceback.extract_tb(error.__traceback__) if "/src/plusx/" in one.filename]
        if not ours:  # this file's own reading of JSON
            return
        place = f"{type(error).__name__}-{Path(ours[-1].filename).stem}-{ours[-1].lineno}"
        if len(data) < self.shortest.get(place, sys.maxsize):
            if place not in self.shortest:
                print(f"FAULT {place}: {str(error)[:200]}", file=sys.stderr)
            self.shortest[place] = len(data)
            (self.folder / place).write_bytes(data)


if __name__ == "__main__":
    main()
