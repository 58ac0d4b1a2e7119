"""What it costs to look at pictures and to find those that look alike.

reading: images a second of one process, photos of ../shared/data/clothing: decoding alone (the limit), the audit
without a picture's appearance, and the whole audit, interleaved.
search: seconds and memory for n pictures known by their facts alone: all different, with 5 % copies a few bits away; a
crowd, all within a few bits of each other; and half of them white.
again: `plusx check` of a folder of 10,000 files, the first time and again.

Run: OMP_NUM_THREADS=1 python benchmarks/duplicates.py reading|search|again
"""

import argparse
import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from plusx.data.images import read_image
from plusx.data.inspection.facts import Facts, grey_rows, inspect_file
from plusx.data.inspection.jpeg import find_scans, without_end
from plusx.data.inspection.likeness import likeness
from side_by_side import interleaved

PHOTOS = Path(__file__).parents[2] / "shared" / "data" / "clothing"


def decode_alone(paths: Sequence[Path]) -> None:
    for path in paths:
        with Image.open(path) as image:
            np.asarray(image.convert("RGB"))


def without_appearance(paths: Sequence[Path]) -> None:
    """What the audit did before it looked at pictures; sequential files only."""
    for path in paths:
        data = path.read_bytes()
        hashlib.sha256(data).hexdigest()
        scans = find_scans(data)
        grey_rows(read_image(without_end(data, scans.ends[0]) if scans and len(scans.ends) == 1 else data))


def whole_audit(paths: Sequence[Path]) -> None:
    for path in paths:
        inspect_file(str(path))


def reading(rounds: int) -> None:
    paths = sorted(PHOTOS.glob("*/*/*.jpg"))[::6]
    ways = {"decode alone": decode_alone, "without appearance": without_appearance, "whole audit": whole_audit}
    candidates: dict[str, Callable[[], None]] = {name: lambda way=way: way(paths) for name, way in ways.items()}
    seconds = interleaved(candidates, rounds, clock=time.process_time)
    print("| | images/s | of decode alone |\n|---|---|---|")
    for name, times in seconds.items():
        part = statistics.median(a / b for a, b in zip(seconds["decode alone"], times, strict=True))
        print(f"| {name} | {len(paths) / statistics.median(times):.0f} | {part:.2f} |")


def _facts(hashes: np.ndarray, miniatures: np.ndarray) -> list[Facts]:
    names = (number.to_bytes(16, "big") for number in range(len(hashes)))
    rows = zip(names, hashes.astype(">u8"), miniatures, strict=True)
    return [Facts("", 64, 64, pixels=n, phash=h.tobytes(), miniature=m.tobytes()) for n, h, m in rows]


def _flipped(hashes: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
    for _ in range(bits):
        hashes = hashes ^ (np.uint64(1) << rng.integers(0, 64, len(hashes), dtype=np.uint64))
    return hashes


def different(count: int, rng: np.random.Generator) -> list[Facts]:
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    miniatures = rng.integers(0, 256, (count, 768), dtype=np.uint8)
    copies = count // 20
    hashes[-copies:] = _flipped(hashes[:copies], 6, rng)
    miniatures[-copies:] = miniatures[:copies] // 2 + 60
    return _facts(hashes, miniatures)


def crowd(count: int, rng: np.random.Generator) -> list[Facts]:
    """As the frames of a camera that stands still."""
    scene = rng.integers(40, 200, 768)
    noise = rng.integers(-3, 4, (count, 768))
    return _facts(_flipped(np.full(count, 12345678901234567, np.uint64), 4, rng), (scene + noise).astype(np.uint8))


def half_white(count: int, rng: np.random.Generator) -> list[Facts]:
    white = Facts("", 64, 64, pixels=b"white", miniature=b"\xff" * 768)
    return [white] * (count // 2) + different(count - count // 2, rng)


def search() -> None:
    print("| pictures | | pairs | s | MiB |\n|---|---|---|---|---|")
    for make in (different, crowd, half_white):
        for count in (1_000, 10_000, 100_000):
            facts = make(count, np.random.default_rng(0))
            began = time.process_time()
            pairs = len(likeness(facts).pairs)
            seconds = time.process_time() - began
            print(
                f"| {count:,} | {make.__name__.replace('_', ' ')} | {pairs:,} | {seconds:.2f} | {_peak(facts)} |",
                flush=True,
            )


def _peak(facts: Sequence[Facts]) -> str:
    """MiB; nothing where it would take minutes to count allocations."""
    if len(facts) > 10_000:
        return ""
    tracemalloc.start()
    likeness(facts)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return f"{peak:.0f}"


def again() -> None:
    """Seconds by the clock, and of the processor, which other programs do not change."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(10_000):
            path = Path(folder) / "data" / str(number % 10) / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            coarse = np.random.default_rng(number).integers(0, 256, (5, 5, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(path)
        command = [str(Path(sys.executable).parent / "plusx"), "check", str(Path(folder) / "data")]
        for turn in ("first", "again", "again", "again"):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            environment = {**os.environ, "PLUSX_CACHE": str(Path(folder) / "cache")}
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=900)
            seconds = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(f"{turn}: {seconds:.2f} s by the clock, {used:.2f} s of the processor; {_verdict(done.stdout)}")


def _verdict(text: str) -> str:
    return next(line for line in text.splitlines() if " read in " in line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["reading", "search", "again"])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    match options.what:
        case "reading":
            reading(options.rounds)
        case "search":
            search()
        case "again":
            again()


if __name__ == "__main__":
    main()
