"""Images per second out of a folder, out of shards, and out of webdataset; what an image costs in index and in order.

Photos of 500×375 pixels at quality 90. Every way reads all of them once a round, all ways in turn; a round's time is
the processor's (`--wall`: the clock's), since the files lie in the page cache and nothing is waited for but decoding.
"bytes" only reads the files; "crops" decodes, cuts 224 pixels at random, flips and stacks, as in training, in one
process.

Run: OMP_NUM_THREADS=1 python benchmarks/shards.py [--photos 400] [--rounds 5] [--wall]   (needs
../shared/data/coco-permissive; about four minutes of one core)
"""

import argparse
import functools
import http.server
import io
import re
import statistics
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import webdataset
from PIL import Image

from loading import INPUT, write_photos
from plusx.core.sample import Sample
from plusx.data.batching import Divided
from plusx.data.encode import encoder
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.formats.shard_table import ShardFile, ShardTable
from plusx.data.loader import Loader
from plusx.data.sampler import IN_ORDER, Order, Shuffled, Windowed
from plusx.data.shards.index import Index, Row
from plusx.data.shards.store import LocalStore
from plusx.data.transforms import TrainTransform, TrainTransformConfig
from plusx.workflows.loading import shuffled
from plusx.workflows.shard import shard

BATCH = 32
TRAIN = TrainTransform(INPUT, TrainTransformConfig())


class Ranges(http.server.SimpleHTTPRequestHandler):
    """A web server on this machine that gives parts of files."""

    wbufsize = 1 << 20

    def do_HEAD(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        return None

    def do_GET(self) -> None:
        path, wanted = Path(self.translate_path(self.path)), self.headers.get("Range")
        if not path.is_file():
            return self.send_error(404)
        size = path.stat().st_size
        first, last = map(int, re.findall(r"\d+", wanted)) if wanted else (0, size - 1)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        with path.open("rb") as file:
            file.seek(first)
            self.wfile.write(file.read(last - first + 1))
        return None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


def content(sample: Sample) -> bytes:
    return sample.image.read_bytes() if isinstance(sample.image, Path) else sample.image()


def only_bytes(source: Any, order: Callable[[Any], Order]) -> Callable[[], int]:
    samples = read(source).splits["train"]

    def run() -> int:
        return sum(len(content(samples[index])) for index in order(samples).indices(len(samples), 0).tolist())

    return run


def crops(source: Any, order: Callable[[Any], Order]) -> Callable[[], int]:
    samples = read(source).splits["train"]
    batching = Divided(BATCH, order(samples))
    loader = Loader(samples, TRAIN, encode=encoder("label", 2), batching=batching)
    return lambda: sum(len(batch) for batch in loader.epoch(0))


def webdataset_bytes(shards: list[str], buffer: int) -> Callable[[], int]:
    def run() -> int:
        made: Any = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False)
        made = made.shuffle(buffer) if buffer else made
        return sum(len(image) for image, _ in made.to_tuple("jpg", "cls"))

    return run


def webdataset_crops(shards: list[str], buffer: int) -> Callable[[], int]:
    """The same transform and stacking behind webdataset's reader."""
    rng = np.random.default_rng(0)

    def pixels(data: bytes) -> torch.Tensor:
        with Image.open(io.BytesIO(data)) as image:
            return TRAIN(np.asarray(image.convert("RGB")), None, rng)[0]

    def run() -> int:
        made: Any = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).shuffle(buffer)
        batches: Any = made.to_tuple("jpg", "cls").map_tuple(pixels, int).batched(BATCH)
        return sum(len(images) for images, _ in batches)

    return run


def in_order(samples: Any) -> Order:
    return IN_ORDER


def windowed(samples: Any) -> Order:
    return shuffled(samples, 0)


def plain(samples: Any) -> Order:
    return Shuffled(0)


def measured(
    ways: dict[str, Callable[[], int]], rounds: int, clock: Callable[[], float]
) -> Iterator[tuple[str, float]]:
    """(name, median seconds), all ways in turn."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, run in ways.items():
            began = clock()
            run()
            times[name].append(clock() - began)
    for name, found in times.items():
        yield name, statistics.median(found[1:])


def costs_of_index() -> None:
    """Bytes on the disk and in memory of the index of a million images, and the time of an epoch's order."""
    shards, each = 250, 4000
    rows = [
        Row(f"class_{n % 1000:04}/photo_{n:08}.jpg", n * 62_000, 60_000, f"class_{n % 1000:04}") for n in range(each)
    ]
    data = Index.of(rows, bytes=1, sha256="0" * 64, source="0" * 64, unreadable=[]).to_bytes()
    print(f"index on the disk: {len(data) / each:.0f} bytes an image, names of 28")
    tracemalloc.start()
    began = time.process_time()
    files = [ShardFile(f"{number:05}.tar", "train", Index.from_bytes(data, "")) for number in range(shards)]
    table = ShardTable(LocalStore(Path()), files, None)
    del files
    spent = time.process_time() - began
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    count = len(table)
    print(f"index in memory: {held / count:.0f} bytes an image, at most {peak / count:.0f} while it is opened")
    print(f"index opened: {spent / count * 1e6:.1f} µs an image")
    for count in (1_000_000, 10_000_000):
        for order in (Shuffled(0), Windowed((each,) * (count // each), 0)):
            began = time.process_time()
            indices = order.indices(count, 0)
            spent = time.process_time() - began
            name = type(order).__name__
            print(f"{name} of {count:,}: {spent / count * 1e9:.0f} ns an image, {indices.nbytes / count:.0f} bytes")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wall", action="store_true")
    given = parser.parse_args()
    clock = time.perf_counter if given.wall else time.process_time
    costs_of_index()
    with tempfile.TemporaryDirectory() as place:
        data, out = Path(place) / "data", Path(place) / "shards"
        for name in ("a", "b"):
            (data / name).mkdir(parents=True)
            write_photos(data / name, given.photos // 2, 500, 375)
        began = clock()
        done = shard(data, out, images=given.photos // 20, workers=1)
        spent, count = clock() - began, done.images["train"]
        print(f"shard, 1 process, with the audit: {count / spent:.0f} images/s, {done.bytes / spent / 1e6:.1f} MB/s")
        shard(data, Path(place) / "parquet", images=given.photos // 20, workers=1, to="parquet")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Ranges, directory=str(out)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        shards = sorted(map(str, out.glob("*.tar")))
        cold = read(url, ReadOptions(cache=Path(place) / "kept")).splits["train"]
        began = clock()
        size = sum(len(content(one)) for one in cold)
        spent = clock() - began
        print(f"http on this machine, nothing kept: {count / spent:.0f} images/s, {size / spent / 1e6:.0f} MB/s")
        ways = {
            "bytes, folder, in order": only_bytes(data, in_order),
            "bytes, folder, shuffled": only_bytes(data, plain),
            "bytes, tar, in order": only_bytes(out, in_order),
            "bytes, tar, windowed shuffle": only_bytes(out, windowed),
            "bytes, parquet, windowed shuffle": only_bytes(Path(place) / "parquet", windowed),
            "bytes, http blocks kept, windowed": lambda: sum(len(content(one)) for one in cold),
            "bytes, webdataset, in order": webdataset_bytes(shards, 0),
            "bytes, webdataset, shuffle(200)": webdataset_bytes(shards, 200),
            "crops, folder, shuffled": crops(data, plain),
            "crops, tar, windowed shuffle": crops(out, windowed),
            "crops, parquet, windowed shuffle": crops(Path(place) / "parquet", windowed),
            "crops, webdataset, shuffle(200)": webdataset_crops(shards, 200),
        }
        for name, seconds in measured(ways, given.rounds, clock):
            print(f"{name:36} {count / seconds:9.0f} images/s {size / seconds / 1e6:8.0f} MB/s", flush=True)
        server.shutdown()


if __name__ == "__main__":
    main()
