"""All benchmarks of speed that need no data but the project's own or ../shared, one after the other, as one page.

Prints the page, and writes it where --out says: for each benchmark its command, machine, versions and tables. What
a benchmark compares, how often, and what limit it stands beside, its own first lines say. With --into the page takes
the place of the last one in that file, between its two marks; benchmarks that do not run now keep their last tables.

Run: python benchmarks/suite.py [--only loading throughput ...] [--out bench.md] [--into benchmarks/RESULTS.md]
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from rich.console import Console

from plusx.core.storage import write_text

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared" / "data"
LIBRARIES = ("torch", "torchvision", "timm", "onnxruntime", "pillow", "simplejpeg")
PEERS = ("fastai", "keras", "jax")
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


def machine() -> str:
    """Where this was measured, and with what."""
    where = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    python = os.environ.get("PEERS_PYTHON", sys.executable)
    return ", ".join([where, *versions(sys.executable, LIBRARIES), *versions(python, PEERS)])


def versions(python: str, libraries: Sequence[str]) -> list[str]:
    """Of the libraries that this interpreter has."""
    script = (
        "import sys\nfrom importlib.metadata import PackageNotFoundError, version\n"
        "for name in sys.argv[1:]:\n    try:\n        print(name, version(name))\n"
        "    except PackageNotFoundError:\n        print('no', name)"
    )
    done = subprocess.run([python, "-c", script, *libraries], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def section(name: str, words: list[str], where: str, console: Console) -> tuple[str, bool]:
    """What the benchmark printed, or why it did not run; and whether it ran."""
    shown = [word.replace(str(SHARED), "../shared/data") for word in words]
    command = f"`{' '.join(['python', f'benchmarks/{name}.py', *shown])}`"
    title = f"### {name}\n\n{command}, {date.today()}: {where}.\n"
    if name in NEED_SHARED and not SHARED.is_dir():
        return f"{title}\nNot run: it needs ../shared/data.\n", False
    began = time.perf_counter()
    with console.status(f"{name} ..."):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", HERE / f"{name}.py", *words], capture_output=True, text=True, check=False
        )
    took = time.perf_counter() - began
    if done.returncode:
        return f"{title}\nFailed after {took:.0f} s: {(done.stderr.splitlines() or ['without a word'])[-1]}\n", False
    return f"{title}\n{done.stdout.strip()}\n\n{took:.0f} s\n", True


def parts(file: Path) -> tuple[str, dict[str, str], str]:
    """What stands before, the sections by name, and what stands after."""
    before, begin, rest = file.read_text(encoding="utf-8").partition(MARKS[0])
    last, end, after = rest.partition(MARKS[1])
    if not (begin and end):
        raise SystemExit(f"{file} has no place for the page: expected the lines {' and '.join(map(str.strip, MARKS))}")
    found = re.split(r"(?m)^### ", last)[1:]
    return before, {text.split(None, 1)[0]: f"### {text}" for text in found}, after


def put_into(file: Path, sections: Mapping[str, str]) -> None:
    """Replaces what stands between the marks; sections of other benchmarks stay."""
    before, last, after = parts(file)
    whole = {name: f"{text.strip()}\n" for name, text in {**last, **sections}.items()}
    page = "\n".join(["## The suite\n", *(whole[name] for name in BENCHMARKS if name in whole)])
    write_text(file, f"{before}{MARKS[0]}{page}{MARKS[1]}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--out", type=Path, default=Path("bench.md"))
    parser.add_argument("--into", type=Path)
    arguments = parser.parse_args()
    console = Console(stderr=True)
    if arguments.into is not None:
        parts(arguments.into)  # it has a place for the page, or nothing is measured
    where, texts = machine(), []
    for number, name in enumerate(arguments.only, start=1):
        console.print(f"{number} of {len(arguments.only)}: {name}")
        text, ran = section(name, BENCHMARKS[name], where, console)
        print(text, flush=True)
        texts.append(text)
        arguments.out.write_text("\n".join(texts), encoding="utf-8")
        if ran and arguments.into is not None:
            put_into(arguments.into, {name: text})
    console.print(f"written: {arguments.into or arguments.out}")


if __name__ == "__main__":
    main()
