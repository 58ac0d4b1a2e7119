"""`plusx labels` on planted label errors: how many of the named images are wrong, and how many of the wrong are named.

A share of the labels of a folder of classes is flipped at random, by links in a temporary folder; then a run and
`plusx labels` as a user starts them. Beside it the cruder choice: every image whose most probable class is another.
Precision of what is named is a lower bound: real errors of the data count as false alarms.

Run: python benchmarks/label_errors.py logistic          (all digits, 5 folds of scikit-learn's logistic regression in
                                                          place of networks: the choice alone, beside cleanlab's)
     python benchmarks/label_errors.py digits            (scikit-learn's, 8 × 8 pixels)
     python benchmarks/label_errors.py DATA [SETTINGS...]     (a folder with one folder of images a class)
"""

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import plusx
from plusx.data.confident import confident, ranked
from plusx.workflows.values import convert

SHARE, SEED, FOLDS = 0.05, 0, 3


def digits(root: Path) -> Path:
    """The first 900, enlarged to 32 pixels."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    for number, (image, label) in enumerate(zip(found.images[:900], found.target[:900], strict=True)):
        (root / str(label)).mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray((image * 15.9).astype(np.uint8)).resize((32, 32), Image.Resampling.NEAREST)
        picture.convert("RGB").save(root / str(label) / f"{number}.png")
    return root


def planted(data: Path, root: Path) -> dict[str, str]:
    """Links to all images below `data`, a share of them in another class; their names and true classes."""
    chance = random.Random(SEED)
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    classes = sorted({path.parent.name for path in files})
    flipped = set(chance.sample(range(len(files)), round(SHARE * len(files))))
    wrong = {}
    for number, file in enumerate(files):
        true = given = file.parent.name
        if number in flipped:
            given = chance.choice([name for name in classes if name != true])
            wrong[f"{given}/{number}{file.suffix}"] = true
        (root / given).mkdir(parents=True, exist_ok=True)
        (root / given / f"{number}{file.suffix}").symlink_to(file.resolve())
    return wrong


def logistic() -> None:
    """On all 1,797 digits."""
    from cleanlab.filter import find_label_issues
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    found: Any = load_digits()
    chance = np.random.default_rng(SEED)
    flipped = chance.random(len(found.target)) < SHARE
    labels = np.where(flipped, (found.target + chance.integers(1, 10, len(found.target))) % 10, found.target)
    model = LogisticRegression(max_iter=2000)
    answers = cross_val_predict(model, found.data / 16, labels, cv=5, method="predict_proba")
    chosen = confident(answers, labels)
    wrong = set(np.flatnonzero(flipped))
    reference = set(np.flatnonzero(find_label_issues(labels, answers, filter_by="confident_learning")))
    order = ranked(answers, labels, chosen.wrong)
    print(f"{len(labels)} images, {len(wrong)} planted\n| choice | named | precision | recall |\n|---|---|---|---|")
    print(f"| confident learning | {shares(set(order), wrong)} |")
    print(f"| its first {len(wrong)} | {shares(set(order[: len(wrong)]), wrong)} |")
    print(f"| cleanlab, confident_learning | {shares(reference, wrong)} |")
    print(
        f"| most probable class is another | {shares(set(np.flatnonzero(answers.argmax(axis=1) != labels)), wrong)} |"
    )
    print(f"the same images as cleanlab: {set(order) == reference}")


def shares(named: set[Any], wrong: set[Any]) -> str:
    hits = len(named & wrong)
    return f"{len(named)} | {hits / max(1, len(named)):.3f} | {hits / len(wrong):.3f}"


def main() -> None:
    if sys.argv[1] == "logistic":
        logistic()
    else:
        networks(sys.argv[1], sys.argv[2:])


def networks(source: str, words: list[str]) -> None:
    """By `plusx labels`. words: settings of the run, as epochs=10."""
    settings: dict[str, Any] = {word.split("=")[0]: word.split("=")[1] for word in words}
    settings = {name: convert(int | float | str, value) for name, value in settings.items()}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        data = digits(root / "digits") if source == "digits" else Path(source)
        wrong = planted(data, root / "planted")
        run = plusx.fit(root / "planted", out=root / "run", export=False, workers=0, **settings)
        began = time.perf_counter()
        found = plusx.labels(run, folds=FOLDS, workers=0)
        seconds = time.perf_counter() - began
        names = [one.name for one in found.doubtful]
        right = sum(wrong.get(one.name) == one.proposed for one in found.doubtful)
        print(f"{found.images} images, {len(wrong)} planted, {FOLDS} folds, {seconds:.0f} s; run: {dict(run.metrics)}")
        print("| choice | named | precision | recall |\n|---|---|---|---|")
        print(f"| confident learning | {shares(set(names), set(wrong))} |")
        print(f"| its first {len(wrong)} | {shares(set(names[: len(wrong)]), set(wrong))} |")
        print(f"| most probable class is another | {shares(disagreeing(run, root / 'run'), set(wrong))} |")
        print(f"true class proposed for {right} of {len(set(names) & set(wrong))} found")


def disagreeing(run: Any, path: Path) -> set[str]:
    """By the probabilities of the same folds."""
    from plusx.data.folds import folds
    from plusx.workflows.original_data import original_data

    listing = original_data(path)
    samples = [sample for split in ("train", "val") for sample in listing.splits[split]]
    named = set()
    for number, part in enumerate(folds(samples, FOLDS), start=1):
        answers = np.load(path / "labels" / f"fold-{number}-of-{FOLDS}.npy").argmax(axis=1)
        for position, answer in zip(part, answers, strict=True):
            target: Any = samples[position].target
            if answer != target.index:
                named.add(samples[position].name)
    return named


if __name__ == "__main__":
    main()
