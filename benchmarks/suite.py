"""All benchmarks of speed that need no data but the project's own or ../shared, one after the other, as one page.

Prints the page, and writes it where --out says: machine, versions, and for each benchmark its command and tables. What
a benchmark compares, how often, and what limit it stands beside, its own first lines say.

Run: python benchmarks/suite.py [--only loading throughput ...] [--out bench.md]
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared" / "data"
LIBRARIES = ("torch", "torchvision", "timm", "fastai", "keras", "onnxruntime", "pillow", "simplejpeg")
BENCHMARKS = {
    "first_answer": [],
    "loading": ["--rounds", "7"],
    "training_step": ["--rounds", "5"],
    "throughput": ["--rounds", "5"],
    "frozen_maps": [str(SHARED), "10"],
}
NEED_SHARED = ("loading", "frozen_maps")


def machine() -> list[str]:
    """Lines that say where this was measured."""
    lines = [f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"]
    for name in LIBRARIES:
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lines.append(f"{name} not installed")
    return lines


def section(name: str, words: list[str], console: Console) -> str:
    """What the benchmark printed, or why it did not run."""
    command = ["python", f"benchmarks/{name}.py", *words]
    title = f"## {name}\n\n`{' '.join(command)}`\n"
    if name in NEED_SHARED and not SHARED.is_dir():
        return f"{title}\nNot run: it needs ../shared/data.\n"
    began = time.perf_counter()
    with console.status(f"{name} ..."):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", HERE / f"{name}.py", *words], capture_output=True, text=True, check=False
        )
    took = time.perf_counter() - began
    if done.returncode:
        return f"{title}\nFailed after {took:.0f} s: {(done.stderr.splitlines() or ['without a word'])[-1]}\n"
    return f"{title}\n{done.stdout.strip()}\n\n{took:.0f} s\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--out", type=Path, default=Path("bench.md"))
    arguments = parser.parse_args()
    console = Console(stderr=True)
    parts = ["# Measured on this machine\n\n" + ", ".join(machine()) + "\n"]
    for number, name in enumerate(arguments.only, start=1):
        console.print(f"{number} of {len(arguments.only)}: {name}")
        parts.append(section(name, BENCHMARKS[name], console))
        print(parts[-1], flush=True)
        arguments.out.write_text("\n".join(parts), encoding="utf-8")
    console.print(f"written: {arguments.out}")


if __name__ == "__main__":
    main()
