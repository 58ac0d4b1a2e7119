"""From a resume to its first batch: at the start of an epoch of a million samples and near its end.

The samples are a million names for 64 small images: what takes the time is the order, not the decoding. Each round
makes the loader anew, as a process that goes on does, and the positions are timed in turn.

Run: python benchmarks/resume_position.py [--samples 1000000] [--rounds 7]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from plusx.core.card import Input
from plusx.core.sample import Sample
from plusx.core.targets import Label
from plusx.data.batching import Divided
from plusx.data.encode import encoder
from plusx.data.loader import Loader
from plusx.data.sampler import Shuffled
from plusx.data.transforms import TrainTransform, TrainTransformConfig

BATCH = 32
TRANSFORM = TrainTransform(Input(size=(32, 32), resize=32), TrainTransformConfig())


def listing(folder: Path, count: int) -> list[Sample]:
    paths = [folder / f"{number}.png" for number in range(64)]
    for path in paths:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    labels = [Label(number) for number in range(10)]
    return [Sample(paths[number % 64], labels[number % 10], f"{number}.png") for number in range(count)]


def first_batch(samples: list[Sample], part: float, workers: int) -> tuple[float, int]:
    """Seconds, and how many batches there are."""
    began = time.perf_counter()
    batching, encode = Divided(BATCH, Shuffled(0)), encoder("label", 10)
    loader = Loader(samples, TRANSFORM, encode=encode, batching=batching, workers=workers)
    next(loader.epoch(3, int(part * len(loader))))
    return time.perf_counter() - began, len(loader)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        samples = listing(Path(name), arguments.samples)
        for workers in (0, 2):
            times: dict[float, list[float]] = {0.0: [], 0.5: [], 0.99: []}
            batches = 0
            for _ in range(arguments.rounds):
                for part, found in times.items():
                    seconds, batches = first_batch(samples, part, workers)
                    found.append(seconds)
            print(f"{arguments.samples} samples, {batches} batches of {BATCH}, {workers} loading processes")
            for part, found in times.items():
                print(f"  at {part:4.0%} of the epoch: {statistics.median(found):.2f} s (least {min(found):.2f})")


if __name__ == "__main__":
    main()
