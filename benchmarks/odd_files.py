"""Odd and damaged image files through all readers: `python benchmarks/odd_files.py [--quick]`.

Every format, cut at 100 places, with turned bits, wrong heads and tails, one child process for each whole file. What is
read has to be an error, or the pixels of the whole file; where no checksum tells, other pixels as long as none are
missing. Prediction (`read_image`), audit (`inspect_memory`) and training (`read_reduced`, at a half) have to agree.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from odd_pictures import Odd, cut, flipped, is_filled, is_half, is_known, strange, whole
from plusx.core.errors import DataError
from plusx.data import reduced
from plusx.data.images import read_image
from plusx.data.inspection.facts import inspect_memory
from plusx.data.reduced import read_reduced

LONGEST = 5.0  # seconds of computing for one file
PATIENCE = 60.0  # seconds to wait for it, on a machine that has other things to do
WRONG = ("silent half image", "silently other", "readers disagree", "exception", "crash", "hang")


def variants(name: str, data: bytes, quick: bool) -> Iterator[Odd]:
    yield Odd(name, "whole", data)
    yield from strange(name, data)
    yield from cut(name, data, max(1, len(data) // (6 if quick else 100)))
    yield from flipped(name, data, 4 if quick else 100)


def verdict(odd: Odd, expected: np.ndarray, path: Path) -> str:
    """One of WRONG, or "error", "equal", "changed"."""
    found = None
    try:
        found = read_image(odd.data)
    except DataError:
        pass
    except Exception as error:
        return f"exception {type(error).__name__}"
    facts = inspect_memory(odd.data)
    if bool(facts.problem) != (found is None):
        return f"readers disagree: audit {facts.problem or 'fine'}, prediction {'error' if found is None else 'fine'}"
    if odd.of.startswith("jpeg"):
        path.write_bytes(odd.data)
        try:
            small = read_reduced(path, "RGB", lambda height, width: 2)[0]
        except DataError:
            small = None
        if (small is None) != (found is None) and not (facts.problem == "constant-tail" and "progressive" in odd.of):
            return f"readers disagree: audit {facts.problem or 'fine'}, training {'error' if small is None else 'fine'}"
    if found is None:
        return "error"
    if np.array_equal(found, expected):
        return "equal"
    smaller = odd.of.startswith("gif") and found.shape != expected.shape  # its screen may be larger than its frame
    if is_half(found, expected) and not smaller and ("jpeg" not in odd.of or is_filled(found)):
        return "silent half image" if is_known(odd) else "half, as nothing can tell"
    return "changed" if odd.lossy else "silently other"


def child(pipe: Connection, name: str, data: bytes, quick: bool) -> None:
    reduced._WORTHWHILE = 1
    expected = read_image(data)
    with tempfile.TemporaryDirectory() as folder:
        for odd in variants(name, data, quick):
            pipe.send(("begin", odd.how))
            begun = time.process_time()
            found = verdict(odd, expected, Path(folder) / "a.jpg")
            seconds = time.process_time() - begun
            pipe.send((found if seconds < LONGEST else "hang", seconds))
    pipe.send(("done", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def fed(name: str, data: bytes, quick: bool) -> tuple[list[tuple[str, str]], float, int]:
    """(verdict, what was done) of each variant, the slowest in seconds, memory in KiB. A crash ends the file's turn."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=child, args=(there, name, data, quick), daemon=True)
    process.start()
    there.close()
    found, how, slowest = [], "whole", 0.0
    while True:
        try:
            message, value = here.recv() if here.poll(PATIENCE) else ("hang", 0)
        except EOFError:
            message, value = "crash", 0
        if message == "begin":
            how = value
        elif message == "done":
            process.join()
            return found, slowest, value
        else:
            found.append((message, how))
            slowest = max(slowest, value)
        if message == "crash" or (message, value) == ("hang", 0):
            process.kill()
            return found, slowest, 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="six places of each file, few bits, half of the TIFFs")
    parser.add_argument("--only", default="", help="files whose name begins so")
    asked = parser.parse_args()
    kinds: dict[str, Counter[str]] = {}
    slowest, memory = 0.0, 0
    files = [(name, data) for name, data in whole().items() if name.startswith(asked.only)]
    for number, (name, data) in enumerate(files):
        if asked.quick and name.startswith("tiff") and number % 2:
            continue
        found, seconds, kib = fed(name, data, asked.quick)
        slowest, memory = max(slowest, seconds), max(memory, kib)
        kinds.setdefault(name.split()[0], Counter()).update(verdict.split(":")[0] for verdict, _ in found)
        told: set[str] = set()
        for verdict, how in found:
            if verdict.startswith(WRONG) and verdict not in told:
                told.add(verdict)
                print(f"{name}, {how}: {verdict}, {sum(v == verdict for v, _ in found)} times", flush=True)
    total = sum(kinds.values(), Counter())
    for kind, counts in kinds.items():
        print(
            f"{kind}: {counts.total()} files, " + ", ".join(f"{count} {what}" for what, count in counts.most_common())
        )
    print(f"all: {total.total()} files, " + ", ".join(f"{count} {what}" for what, count in total.most_common()))
    print(f"slowest {slowest:.3f} s, most memory of a process {memory / 1024:.0f} MiB")
    return int(any(what.startswith(WRONG) for what in total))


if __name__ == "__main__":
    raise SystemExit(main())
