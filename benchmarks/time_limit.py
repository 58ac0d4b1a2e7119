"""`plusx fit --time-limit`: seconds against the limit, and the score, beside the defaults held to the same limit.

For every limit two runs as a user starts them: with network, input size and epochs chosen by plusx, and with those of
the recipe (resnet18 at 128 pixels, 40 epochs) whose training the clock cuts off. Seconds are those of the process;
nothing is exported.

Run: python benchmarks/time_limit.py LIMIT,LIMIT DATA...
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PLUSX = Path(sys.executable).parent / "plusx"
DEFAULTS = ("--model", "resnet18", "--image-size", "128", "--epochs", "40")


def run(data: str, limit: int, options: Sequence[str], out: Path) -> str:
    """A row of the table."""
    began = time.perf_counter()
    words = [PLUSX, "fit", data, "--time-limit", str(limit), "--no-export", "--out", out, *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=4 * limit)
    seconds = time.perf_counter() - began
    if done.returncode:
        return f"{seconds:.0f} | – | {done.stderr.splitlines()[-1]}"
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    settings = json.loads((out / "settings.json").read_text(encoding="utf-8"))
    score = metrics.get("accuracy", metrics.get("map", metrics.get("miou")))
    test = metrics.get("test", {}).get("accuracy")
    tested = f", test {test:.3f}" if test is not None else ""
    file = out / "metrics.jsonl"  # there is none where the time was up before the first values
    journal = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    epochs = sum(json.loads(line)["name"] == "train/loss" for line in journal)
    how = f"{settings['card']['architecture']} at {settings['card']['input']['size'][0]}"
    how += f", {epochs} of {settings['plan']['epochs']} epochs, {metrics['stopped']}"
    return f"{seconds:.0f} | {score:.3f}{tested} | {how}"


def main() -> None:
    limits, datas = [int(limit) for limit in sys.argv[1].split(",")], sys.argv[2:]
    print("| data | limit s | settings | actual s | score | how |\n|---|---|---|---|---|---|")
    for data in datas:
        for limit in limits:
            for name, options in {"chosen": (), "defaults": DEFAULTS}.items():
                with tempfile.TemporaryDirectory() as temporary:
                    row = run(data, limit, options, Path(temporary) / "run")
                print(f"| {Path(data).name} | {limit} | {name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
