"""`plusx labels` on planted label errors: how many of the named images are wrong, and how many of the wrong are named.

A share of the labels of a folder of classes is flipped at random, by links in a temporary folder; then a run and
`plusx labels` as a user starts them. Beside it the cruder choice: every image whose most probable class is another.
Precision of what is named is a lower bound: real errors of the data count as false alarms.

Run: python benchmarks/label_errors.py logistic          (all digits, 5 folds of scikit-learn's logistic regression in
                                                          place of networks: the choice alone, beside cleanlab's)
     python benchmarks/label_errors.py perceptron        (the same with a small network, five seeds: folds, the course
                                                          of one training, and its last loss)
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
import torch
from PIL import Image
from rich.console import Console

import plusx
from plusx.data.confident import confident, normalised_margin, ranked
from plusx.data.folds import folds
from plusx.data.trajectory import Judged, Trajectory, drawn_threshold_samples, judged
from plusx.workflows.labels import crossing_of
from plusx.workflows.labels_settings import LabelsSettings
from plusx.workflows.original_data import original_data
from plusx.workflows.trajectory import Asked, Follower, followed
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
    order = ranked(normalised_margin(answers, labels), chosen.wrong)
    print(f"{len(labels)} images, {len(wrong)} planted\n| choice | named | precision | recall |\n|---|---|---|---|")
    print(f"| confident learning | {shares(set(order), wrong)} |")
    print(f"| its first {len(wrong)} | {shares(set(order[: len(wrong)]), wrong)} |")
    print(f"| cleanlab, confident_learning | {shares(reference, wrong)} |")
    print(
        f"| most probable class is another | {shares(set(np.flatnonzero(answers.argmax(axis=1) != labels)), wrong)} |"
    )
    print(f"the same images as cleanlab: {set(order) == reference}")


def perceptron() -> None:
    """On all digits, 64 → 128 → 10, means over five seeds of precision and recall."""
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(5):
        pixels, labels, wrong = flipped_digits(seed)
        for text, named in choices(pixels, labels, len(wrong), seed).items():
            hits = len(named & wrong)
            rows.setdefault(text, []).append((len(named), hits / max(1, len(named)), hits / len(wrong)))
    print("| choice | named | precision | recall |\n|---|---|---|---|")
    for text, found in rows.items():
        named, precision, recall = np.mean(found, axis=0)
        print(f"| {text} | {named:.0f} | {precision:.3f} | {recall:.3f} |")


def flipped_digits(seed: int) -> tuple[torch.Tensor, Any, set[int]]:
    """Pixels (N, 64), labels (N,) of which a share is flipped, and the positions of those."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    chance = np.random.default_rng(seed)
    flipped = chance.random(len(found.target)) < SHARE
    labels = np.where(flipped, (found.target + chance.integers(1, 10, len(found.target))) % 10, found.target)
    return torch.tensor(found.data / 16, dtype=torch.float32), labels, set(np.flatnonzero(flipped).tolist())


def choices(pixels: torch.Tensor, labels: Any, planted: int, seed: int) -> dict[str, set[int]]:
    """What each way names."""
    order, every = np.random.default_rng(seed).permutation(len(labels)), np.arange(len(labels))
    answers = np.zeros((len(labels), 10))
    for part in np.array_split(order, 5):
        others = np.setdiff1d(every, part)
        logits = trained(pixels[others], labels[others], pixels[part], seed)[-1][:, :10]
        answers[part] = torch.tensor(logits).softmax(dim=1).numpy()
    margins = normalised_margin(answers, labels)
    by_folds = ranked(margins, confident(answers, labels).wrong)
    first = drawn_threshold_samples(len(labels), 10, seed)
    second = np.sort(order[len(first) : 2 * len(first)])
    one, other = (course(pixels, labels, drawn, seed) for drawn in (first, second))
    by_course, own = ranked(one.margins, one.wrong), np.isin(every, first)
    below, below_too = one.margins < one.threshold, other.margins < other.threshold
    plain = trained(pixels, labels, pixels, seed)
    losses = -np.log(torch.tensor(plain[-1]).softmax(dim=1).numpy()[every, labels])
    return {
        "folds": set(by_folds.tolist()),
        "folds, the first n": set(by_folds[:planted].tolist()),
        "folds, the n lowest margins": set(np.argsort(margins)[:planted].tolist()),
        "trajectory": set(by_course.tolist()),
        "trajectory, the first n": set(by_course[:planted].tolist()),
        "trajectory, the n lowest AUM": set(np.argsort(one.margins)[:planted].tolist()),
        "trajectory, without the rule on the largest mean logit": set(np.flatnonzero(below).tolist()),
        "two trainings, as in the paper": set(np.flatnonzero((below & ~own) | (below_too & own)).tolist()),
        "one training, threshold samples left out": set(np.flatnonzero(one.wrong & ~own).tolist()),
        "one training, the n largest last losses": set(np.argsort(-losses)[:planted].tolist()),
    }


def course(pixels: torch.Tensor, labels: Any, drawn: Any, seed: int) -> Judged:
    """By the area under the margin."""
    trained_as, path = labels.copy(), Trajectory.none(len(labels), 10)
    trained_as[drawn] = 10
    for logits in trained(pixels, trained_as, pixels, seed):
        path = path.after(logits, labels, drawn)
    return judged(path, labels, drawn)


def trained(pixels: torch.Tensor, labels: Any, asked: torch.Tensor, seed: int) -> list[Any]:
    """Logits (asked, 11) after each of 40 epochs of SGD with a cosine."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 11))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
    targets, found = torch.tensor(labels), []
    for _ in range(40):
        for batch in torch.randperm(len(pixels)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(pixels[batch]), targets[batch]).backward()
            optimizer.step()
        schedule.step()
        with torch.no_grad():
            found.append(model(asked).double().numpy())
    return found


def shares(named: set[Any], wrong: set[Any]) -> str:
    hits = len(named & wrong)
    return f"{len(named)} | {hits / max(1, len(named)):.3f} | {hits / len(wrong):.3f}"


def main() -> None:
    if sys.argv[1] == "logistic":
        logistic()
    elif sys.argv[1] == "perceptron":
        perceptron()
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
        path, planted_names = Path(run), set(wrong)
        lines = []
        for way in ({"folds": FOLDS}, {"by": "trajectory"}):
            began = time.perf_counter()
            found = plusx.labels(run, workers=0, **way)
            seconds = time.perf_counter() - began
            names = [one.name for one in found.doubtful]
            lines += [(f"{way}", set(names)), (f"{way}, its first {len(wrong)}", set(names[: len(wrong)]))]
            right = sum(wrong.get(one.name) == one.proposed for one in found.doubtful)
            print(f"{way}: {seconds:.0f} s; true class proposed for {right} of {len(set(names) & planted_names)} found")
        lines += [("folds: most probable class is another", disagreeing(run, path)), *courses(path, wrong)]
        print(f"{found.images} images, {len(wrong)} planted, {FOLDS} folds; run: {dict(run.metrics)}")
        print("| choice | named | precision | recall |\n|---|---|---|---|")
        for text, named in lines:
            print(f"| {text} | {shares(named, planted_names)} |")


def courses(path: Path, wrong: dict[str, str]) -> list[tuple[str, set[str]]]:
    """By variants of the one training: the paper's two, and one that makes no class up, ranked by its end."""
    listing = original_data(path)
    samples = [sample for split in ("train", "val") for sample in listing.splits[split]]
    names, labels = np.array([one.name for one in samples]), np.array([one.target.index for one in samples])  # type: ignore[union-attr]
    options, classes = LabelsSettings(workers=0), len(listing.classes)
    order = np.random.default_rng(0).permutation(len(samples))
    first, own = drawn_threshold_samples(len(samples), classes, 0), np.zeros(len(samples), bool)
    own[first] = True
    second = np.sort(order[len(first) : 2 * len(first)])
    found, trained = {}, {}
    for number, drawn in enumerate((first, second)):
        out = path / ("labels" if number == 0 else "second")
        out.mkdir(exist_ok=True)
        crossing = crossing_of(path, listing, options, out, Console(stderr=True))
        trained[number] = followed(crossing, Asked(samples, labels, drawn))
        found[number] = judged(trained[number], labels, drawn)
    below = [found[number].margins < found[number].threshold for number in (0, 1)]
    paper = (below[0] & ~own) | (below[1] & own)
    lines = [
        ("trajectory without the rule on the largest mean logit", set(names[below[0]])),
        ("trajectory, the threshold samples alone", set(names[found[0].wrong & own])),
        ("two trainings as in the paper", set(names[paper])),
        ("two trainings, with that rule", set(names[(found[0].wrong & ~own) | (found[1].wrong & own)])),
        ("trajectory: all by AUM, the first n", set(names[np.argsort(found[0].margins)[: len(wrong)]])),
    ]
    among, limits = sum(name in wrong for name in names[own]), [f"{found[number].threshold:.2f}" for number in (0, 1)]
    print(f"{len(first)} threshold samples, {among} of them planted; thresholds {limits}")
    (path / "plain").mkdir()
    kept: list[Any] = []
    add = Follower.add
    Follower.add = lambda self, logits: (kept.append(logits[:, :-1]), add(self, logits))[1]  # type: ignore[method-assign]
    crossing = crossing_of(path, listing, options, path / "plain", Console(stderr=True))
    plain = followed(crossing, Asked(samples, labels, np.zeros(0, int)))
    Follower.add = add  # type: ignore[method-assign]
    last = kept[-1]
    losses = np.log(np.exp(last - last[np.arange(len(labels)), labels][:, None]).sum(axis=1))
    return [
        *lines,
        ("one training, the n largest last losses", set(names[np.argsort(-losses)[: len(wrong)]])),
        ("one training, the n lowest margins on average", set(names[np.argsort(plain.given)[: len(wrong)]])),
    ]


def disagreeing(run: Any, path: Path) -> set[str]:
    """By the probabilities of the same folds."""
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
