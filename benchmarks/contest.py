"""plusx's defaults beside timm, torchvision, fastai and Keras: the same images, seconds and cores, several seeds.

Every library trains ResNet-18 (Keras: the network of its guide) as its own defaults are, with as many epochs as fit
into the seconds, and is measured on the same images that it has not seen. Seconds are those of the whole call: what a
library does before, between and after its epochs (plusx: audit, evaluation, report) counts. How long an epoch takes
is measured once, with two and three epochs, which does not count; a run that took over 15 % more or less than the
seconds corrects it and is repeated. Accuracy and mean average precision in %, of numbers the mean absolute error. Runs
of a seed stand beside each other, one at a time.

Run: python benchmarks/contest.py SHARED_DATA SECONDS SEEDS SET,SET LIBRARY,LIBRARY [CHECKPOINT]
A library may be plusx:RECIPE, which is plusx with that recipe in place of its default.
The checkpoint is a ResNet-18 in torchvision's keys. $PEERS_PYTHON: a Python that has fastai; none: this one.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from recipes.job import fitting

HERE = Path(__file__).parent
SCRIPTS = {
    "plusx": "plusx_defaults.py",
    "timm": "timm_train.py",
    "torchvision": "torchvision_reference.py",
    "fastai": "fastai_fine_tune.py",
    "keras": "keras_guide.py",
}

OFF = 0.15


def run(library: str, job: dict[str, object]) -> dict[str, float] | None:
    """What the library's process printed last; None, with its last words on this one's stderr, where it failed."""
    library, _, recipe = library.partition(":")
    python = os.environ.get("PEERS_PYTHON", sys.executable) if library == "fastai" else sys.executable
    with tempfile.TemporaryDirectory() as work:
        words = [
            python,
            "-W",
            "ignore",
            HERE / "recipes" / SCRIPTS[library],
            json.dumps({**job, "work": work, "recipe": recipe or None}),
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        print(library, recipe, job["set"], "failed:", *done.stderr.splitlines()[-1:], file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(library, recipe, job["set"], job["seed"], found, file=sys.stderr, flush=True)
    return found


def timely(library: str, job: dict[str, object]) -> dict[str, float] | None:
    """`run`, once more where it was not done in about the seconds, with the epochs that they would have been."""
    result = run(library, job)
    seconds = float(str(job["seconds"]))
    if result is None or abs(result["seconds"] / seconds - 1) < OFF:
        return result
    an_epoch = (result["seconds"] - result["beside"]) / result["epochs"]
    if fitting(seconds, result["beside"], an_epoch) == result["epochs"]:
        return result
    return run(library, {**job, "known": [result["beside"], an_epoch]})


def main() -> None:
    shared, seconds, seeds, sets, libraries, *weights = sys.argv[1:]
    print("| set | library | mean | spread | epochs | seconds | beside epochs |\n|---|---|---|---|---|---|---|")
    for name in sets.split(","):
        found: dict[str, list[dict[str, float]]] = {library: [] for library in libraries.split(",")}
        for seed in range(int(seeds)):
            for library in found:
                known = [found[library][0]["beside"], found[library][0]["epoch"]] if found[library] else None
                job = {"set": name, "shared": shared, "seconds": float(seconds), "seed": seed, "known": known}
                result = timely(library, {**job, "weights": weights[0] if weights else None})
                if result is not None:
                    found[library].append(result)
        for library, results in found.items():
            if not results:
                print(f"| {name} | {library} | – | | | | |")
                continue
            scores = [one["score"] for one in results]
            spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
            rest = [statistics.median(one[key] for one in results) for key in ("epochs", "seconds", "beside")]
            numbers = [f"{statistics.mean(scores):.2f}", f"{spread:.2f}", *(f"{value:.0f}" for value in rest)]
            print(f"| {name} | {library} | {' | '.join(numbers)} |", flush=True)


if __name__ == "__main__":
    main()
