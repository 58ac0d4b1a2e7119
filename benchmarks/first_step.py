"""From the shell to the first optimisation step of `plusx fit`, beside what no training can do without.

The limit: one process that imports torch and decodes every image once, on all cores. `fit` beside it: reads and audits
the images, makes the network, starts loading processes, saves the state it begins with, and computes one step. "known"
is the second run on the same images, whose audit is kept. A run of 20 seconds and more first measures how it trains
fastest; that of 40 epochs does so.

Run: python benchmarks/first_step.py DATA [--rounds 5]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from side_by_side import interleaved, table

STEP = """
import os, sys, threading, time
def watch():
    while not hasattr(sys.modules.get("plusx.engine.step"), "Stepper"):
        time.sleep(0.002)
    stepper = sys.modules["plusx.engine.step"].Stepper
    step = stepper.step
    def first(*arguments, **words):
        step(*arguments, **words)
        os._exit(0)
    stepper.step = first
threading.Thread(target=watch, daemon=True).start()
from plusx.cli.main import main
main()
"""
LIMIT = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
import torch
from plusx.data.images import read_image
with ThreadPoolExecutor(os.cpu_count()) as threads:
    sum(image.size for image in threads.map(read_image, sys.argv[1:]))
"""
IMAGES = (".jpg", ".jpeg", ".png")


def cold(words: list[str], cache: Path | None = None) -> Callable[[], None]:
    """A process; with a cache of its own where none is given."""

    def run() -> None:
        with tempfile.TemporaryDirectory() as empty:
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
            environment["XDG_CACHE_HOME"] = str(cache or empty)
            out = ["--out", f"{empty}/run"] if "fit" in words else []
            command = [sys.executable, "-W", "ignore", *words, *out]
            quiet = subprocess.DEVNULL  # loading processes would hold a pipe open for seconds after the first step
            subprocess.run(command, check=True, stdout=quiet, stderr=quiet, env=environment)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    files = sorted(str(path) for path in arguments.data.rglob("*") if path.suffix.lower() in IMAGES)
    fit = ["-c", STEP, "fit", str(arguments.data), "--model", "resnet18"]
    with tempfile.TemporaryDirectory() as cache:
        candidates = {
            "import torch, decode all": cold(["-c", LIMIT, *files]),
            "fit, 1 epoch": cold([*fit, "--epochs", "1"]),
            "fit, 1 epoch, known": cold([*fit, "--epochs", "1"], Path(cache)),
            "fit, 40 epochs": cold([*fit, "--epochs", "40"]),
        }
        print(f"{len(files)} images\n\n{table(interleaved(candidates, arguments.rounds), 'import torch, decode all')}")


if __name__ == "__main__":
    main()
