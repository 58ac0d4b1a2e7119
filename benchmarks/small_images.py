"""Networks for 32 pixels: the recipe of their paper, and speedrun in a fifth of its epochs.

ResNet-20 on real sets whose images are shown at 32 × 32 pixels, mirrored where that leaves what they are. CIFAR-10,
on which the paper reports 8.75 % error after 64,000 steps, is not at hand; here both are shortened alike. Every run
keeps its best epoch by a fifth of the training images, and is measured on images that it has not seen.

Run: python benchmarks/small_images.py SHARED_DATA EPOCHS SEEDS SET,SET
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import plusx
from recipes.job import score
from recipes.sets import SETS, Contest, table

FIFTH = 5


def run(contest: Contest, recipe: str, epochs: int, seed: int) -> float:
    """Accuracy in % on the test images."""
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "train.csv"
        table(contest, file)
        out = Path(work) / "run"
        plusx.fit(
            file,
            model="resnet20",
            recipe=recipe,
            epochs=epochs,
            image_size=32,
            seed=seed,
            out=out,
            export=False,
        )
        found = plusx.load(out).predict([str(path) for path, _ in contest.test])
    outputs = np.array([[one.probabilities[name] for name in contest.classes] for one in found])
    return score(contest, outputs)


def row(name: str, recipe: str, epochs: int, scores: Sequence[float]) -> str:
    """Of the table."""
    spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
    return f"| {name} | {recipe} | {epochs} | {statistics.mean(scores):.2f} | {spread:.2f} |"


def main() -> None:
    shared, epochs, seeds, sets = sys.argv[1:]
    print("| set | recipe | epochs | accuracy % | spread |\n|---|---|---|---|---|", flush=True)
    for name in sets.split(","):
        contest = SETS[name](Path(shared))
        for recipe, share in (("paper", 1), ("speedrun", FIFTH), ("paper", FIFTH)):
            some = int(epochs) // share
            scores = [run(contest, recipe, some, seed) for seed in range(int(seeds))]
            print(row(name, recipe, some, scores), flush=True)


if __name__ == "__main__":
    main()
