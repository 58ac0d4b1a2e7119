"""All benchmarks of speed that need no data but the project's own or ../shared, one after the other, as one page.

Prints the page, and writes it where --out says: machine, versions, and for each benchmark its command and tables. What
a benchmark compares, how often, and what limit it stands beside, its own first lines say. With --into the page takes
the place of the last one in that file, between its two marks; benchmarks that did not run now keep their last tables.

Run: python benchmarks/suite.py [--only loading throughput ...] [--out bench.md] [--into benchmarks/RESULTS.md]
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
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
    "first_step": [str(SHARED / "clothing" / "train")],
    "frozen_maps": [str(SHARED), "10"],
}
NEED_SHARED = ("loading", "frozen_maps", "first_step")
MARKS = ("<!-- written by make bench: begin -->\n", "<!-- written by make bench: end -->\n")


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
    shown = [word.replace(str(SHARED), "../shared/data") for word in words]
    title = f"### {name}\n\n`{' '.join(['python', f'benchmarks/{name}.py', *shown])}`\n"
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


def put_into(file: Path, head: str, sections: Mapping[str, str]) -> None:
    """Replaces what stands between the marks; sections of other benchmarks stay."""
    before, begin, rest = file.read_text(encoding="utf-8").partition(MARKS[0])
    last, end, after = rest.partition(MARKS[1])
    if not (begin and end):
        raise SystemExit(
            f"{file} has no place for the page: expected the lines {MARKS[0].strip()} and {MARKS[1].strip()}"
        )
    kept = {text.split(None, 1)[0]: f"### {text}" for text in last.split("### ")[1:]}
    whole = {name: f"{text.strip()}\n" for name, text in {**kept, **sections}.items()}
    page = "\n".join([head, *(whole[name] for name in BENCHMARKS if name in whole)])
    file.write_text(f"{before}{begin}{page}{end}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--out", type=Path, default=Path("bench.md"))
    parser.add_argument("--into", type=Path)
    arguments = parser.parse_args()
    console = Console(stderr=True)
    head = f"## The suite\n\n`make bench`: {', '.join(machine())}.\n"
    sections: dict[str, str] = {}
    for number, name in enumerate(arguments.only, start=1):
        console.print(f"{number} of {len(arguments.only)}: {name}")
        sections[name] = section(name, BENCHMARKS[name], console)
        print(sections[name], flush=True)
        arguments.out.write_text("\n".join([head, *sections.values()]), encoding="utf-8")
        if arguments.into is not None:
            put_into(arguments.into, head, sections)
    console.print(f"written: {arguments.into or arguments.out}")


if __name__ == "__main__":
    main()
