"""Memory and time of the list of a large folder, and of what a run makes of it, beside a plain walk of the folder.

Empty files in ten class folders, `photo_0000000.jpg` and so on; each step is measured in a process of its own, as the
peak of its memory (VmHWM) over what it took before, imports left out.

Run: python benchmarks/index.py [--files 10000 100000 1000000] [--folder DIR]   (a million files need as many inodes in
DIR, by default the directory for temporary files; they are deleted at the end; about five minutes)
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CLASSES = 10


def write(folder: Path, files: int) -> None:
    for index in range(CLASSES):
        (folder / f"class_{index}").mkdir(parents=True)
    for number in range(files):
        os.close(os.open(folder / f"class_{number % CLASSES}" / f"photo_{number:07}.jpg", os.O_CREAT | os.O_WRONLY))


def scan(folder: Path) -> object:
    """What the names alone cost: a sorted list of all paths."""
    paths: list[str] = []
    for child in sorted(os.scandir(folder), key=lambda child: child.name):
        with os.scandir(child.path) as files:
            paths += sorted(file.path for file in files)
    return paths


def listing(folder: Path) -> object:
    from plusx.data.formats.read import read

    return read(folder)


def split(folder: Path) -> object:
    from plusx.data.formats.read import read
    from plusx.data.split import with_validation

    return with_validation(read(folder), 0.2, 0)


def order(folder: Path) -> object:
    from plusx.data.sampler import Shuffled, repeats

    count = sum(len(files) for _, _, files in os.walk(folder))
    indices = Shuffled(0).indices(count, 0)
    return indices, repeats(indices)


def fingerprint(folder: Path) -> object:
    from plusx.data.formats.read import read
    from plusx.workflows.preparation import fingerprint

    return fingerprint(read(folder))


def requests(folder: Path) -> object:
    """An epoch of the loader, up to its first batch, which is not read."""
    from plusx.core.card import Input
    from plusx.data.batching import Divided
    from plusx.data.encode import encoder
    from plusx.data.formats.read import read
    from plusx.data.loader import Loader
    from plusx.data.sampler import Shuffled
    from plusx.data.transforms import EvalTransform

    samples = read(folder).splits["train"]
    made = Loader(samples, EvalTransform(Input()), encode=encoder("label", CLASSES), batching=Divided(256, Shuffled(0)))
    return made, made.epoch(0)


def objects(folder: Path) -> object:
    """As the list was before: a `Sample` with a `Path` for every file."""
    from plusx.data.formats.read import read

    return tuple(read(folder).splits["train"])


def audit_facts(folder: Path) -> object:
    """What the audit of the data holds at its end: an image, its sample and its facts."""
    from plusx.data.formats.read import read
    from plusx.data.inspection.facts import Facts
    from plusx.data.inspection.subject import Inspected

    samples = read(folder).splits["train"]
    return [
        Inspected("train", sample, Facts(hashlib.sha256(sample.name.encode()).hexdigest(), 375, 500))
        for sample in samples
    ]


STEPS: tuple[Callable[[Path], object], ...] = (
    scan,
    listing,
    split,
    fingerprint,
    order,
    requests,
    objects,
    audit_facts,
)


def peak() -> int:
    """Bytes that this process has held at most."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def measure(name: str, folder: Path) -> None:
    """In a process of its own: the step on a small folder first, so that everything is imported."""
    step = next(one for one in STEPS if one.__name__ == name)
    with tempfile.TemporaryDirectory() as small:
        write(Path(small) / "data", 100)
        step(Path(small) / "data")
    before, began = peak(), time.perf_counter()
    kept = step(folder)
    print(f"{time.perf_counter() - began} {peak() - before} {id(kept)}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--measure", nargs=2)
    given = parser.parse_args()
    if given.measure:
        return measure(given.measure[0], Path(given.measure[1]))
    print(f"{'files':>9} {'step':12} {'seconds':>8} {'peak MB':>8} {'bytes a file':>12}")
    for files in given.files:
        with tempfile.TemporaryDirectory(dir=given.folder) as place:
            write(Path(place) / "data", files)
            for step in STEPS:
                command = [sys.executable, __file__, "--measure", step.__name__, f"{place}/data"]
                out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout.split()
                seconds, held = float(out[0]), int(out[1])
                print(
                    f"{files:>9} {step.__name__:12} {seconds:8.2f} {held / 1e6:8.1f} {held / files:12.0f}", flush=True
                )
    return None


if __name__ == "__main__":
    main()
