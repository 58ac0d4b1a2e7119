"""Fine-tuning strategies on few images: ResNet-20 has learnt the digits 0 to 4 and shall read 5 to 9.

    OMP_NUM_THREADS=1 python benchmarks/strategies.py [SEEDS]        (minutes; needs scikit-learn)

scikit-learn's digits, 8×8 pixels shown at 32×32. The network is trained for 6 epochs on some 830 of the digits 0 to 4,
once a seed. Then each strategy gets the same 15 images a class of 5 to 9 to learn from and 10 to judge by, 12 epochs in
batches of 16 at rate 5e-3, no mirroring; the rest, some 770 images, is read once at the end, as it is and turned by 25
degrees, as no image of the training was. Prints a Markdown table: accuracy in percent, mean and standard deviation over
the seeds.
"""

import logging
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from plusx.workflows.evaluate import evaluate
from plusx.workflows.fit import fit

COMMON: Mapping[str, Any] = {
    "model": "resnet20",
    "flip": False,
    "export": False,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
}
TUNING: Mapping[str, Any] = {"recipe": "finetune", "epochs": 12, "batch_size": 16, "rate": 5e-3}
STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    "(random weights)": {"frozen_epochs": 0},
    "--strategy head": {"strategy": "head"},
    "--strategy all": {"strategy": "all"},
    "--strategy head-then-all": {"strategy": "head-then-all"},
    "--strategy gradual": {"strategy": "gradual"},
    "--strategy lp-ft": {"strategy": "lp-ft"},
    "--strategy head-then-all --l2-sp 0.1": {"strategy": "head-then-all", "l2_sp": 0.1},
    "--strategy head-then-all --wise 0.5": {"strategy": "head-then-all", "wise": 0.5},
    "--strategy head-then-all --wise auto": {"strategy": "head-then-all", "wise": "auto"},
    "--strategy head-then-all --norm frozen": {"strategy": "head-then-all", "norm": "frozen"},
    "--strategy head-then-all --norm reestimated": {"strategy": "head-then-all", "norm": "reestimated"},
    "--strategy head-then-all --norm group": {"strategy": "head-then-all", "norm": "group"},
}
TRAIN, JUDGE, TURN = 15, 10, 25


def write(root: Path, seed: int) -> None:
    """root/old and root/new with train and val, root/test and root/turned: PNG files in a folder a class."""
    pixels, shown = load_digits(return_X_y=True)
    images = [Image.fromarray(np.uint8(np.round(one.reshape(8, 8) * 255 / 16))).resize((32, 32)) for one in pixels]
    for digit in range(10):
        indices = np.random.default_rng([seed, digit]).permutation(np.flatnonzero(shown == digit))
        for rank, index in enumerate(indices):
            if digit < 5:
                _save(images[index], root / "old" / ("val" if rank < 15 else "train") / str(digit) / f"{index}.png")
            elif rank < TRAIN + JUDGE:
                _save(images[index], root / "new" / ("train" if rank < TRAIN else "val") / str(digit) / f"{index}.png")
            else:
                _save(images[index], root / "test" / str(digit) / f"{index}.png")
                turned = images[index].rotate(TURN, Image.Resampling.BILINEAR)
                _save(turned, root / "turned" / str(digit) / f"{index}.png")


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def measured(root: Path, seed: int) -> dict[str, tuple[float, float]]:
    """Strategy → accuracy on the test digits and on the turned ones, in percent."""
    write(root, seed)
    old = fit(root / "old", **COMMON, epochs=6, seed=seed, out=root / "pretrained")
    print(f"seed {seed}: the digits 0 to 4 are read with {old.metrics['accuracy']:.1%}", file=sys.stderr, flush=True)
    found = {}
    for number, (name, settings) in enumerate(STRATEGIES.items()):
        weights = {} if number == 0 else {"weights": str(old.path / "model.safetensors")}
        run = fit(root / "new", **{**COMMON, **TUNING, **settings, **weights}, seed=seed, out=root / f"run{number}")
        scores = [evaluate(run.path, root / on, split="all", workers=0).metrics for on in ("test", "turned")]
        found[name] = (100 * scores[0]["accuracy"], 100 * scores[1]["accuracy"])
        print(f"seed {seed}: {name}: {found[name][0]:.1f} {found[name][1]:.1f}", file=sys.stderr, flush=True)
    return found


def main(seeds: int) -> None:
    logging.getLogger("plusx").setLevel(logging.ERROR)
    runs = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(measured(Path(folder), seed))
    print(f"| fit's words | as they are | turned by {TURN}° |\n|---|---|---|")
    for name in STRATEGIES:
        columns = zip(*(run[name] for run in runs), strict=True)
        cells = [f"{statistics.mean(c):.1f} ± {statistics.stdev(c) if len(c) > 1 else 0:.1f}" for c in columns]
        print(f"| `{name}` | {cells[0]} | {cells[1]} |" if name[0] == "-" else f"| {name} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
