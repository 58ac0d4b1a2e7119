"""`plusx fit` beside a bare PyTorch loop with the same network, settings and images: seconds of whole epochs.

Both train ResNet-18 (128 pixels, batch 32, fp32) on an image folder. The bare loop is what one writes by hand:
torchvision's ImageFolder and transforms, a DataLoader with as many workers, SGD, cross-entropy, and an evaluation of
the validation folder after each epoch. The fit does all that a fit does in an epoch: checkpoints, journal, metrics.
Its epochs are the difference between a run of 1 + n epochs and a run of 1, which leaves out the audit, the report and
the start. Interleaved in one process; the bare loop's first epoch is left out.

Run: python benchmarks/fit_overhead.py DATA   (a folder with train/ and validation/ class folders)
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import v2

import plusx

SIZE, BATCH, RATE, WORKERS = 128, 32, 0.05, 1


def bare_epochs(data: Path) -> Iterator[float]:
    """Seconds of one epoch after the other."""
    train_transform = v2.Compose(
        [
            v2.RandomResizedCrop(SIZE, scale=(0.35, 1), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    test_transform = v2.Compose(
        [v2.Resize(146), v2.CenterCrop(SIZE), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    )
    train = torchvision.datasets.ImageFolder(str(data / "train"), train_transform)
    test = torchvision.datasets.ImageFolder(str(data / "validation"), test_transform)
    loading = {"batch_size": BATCH, "num_workers": WORKERS, "persistent_workers": WORKERS > 0}
    batches, validation = DataLoader(train, shuffle=True, **loading), DataLoader(test, **loading)
    model = torchvision.models.resnet18(num_classes=len(train.classes))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4, nesterov=True)
    while True:
        started = time.perf_counter()
        model.train()
        for images, targets in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), targets).backward()
            optimizer.step()
        model.eval()
        with torch.inference_mode():
            right = sum(int((model(images).argmax(1) == targets).sum()) for images, targets in validation)
        assert right >= 0
        yield time.perf_counter() - started


def fit_seconds(data: Path, epochs: int) -> float:
    """Seconds of a whole fit."""
    with tempfile.TemporaryDirectory() as directory:
        started = time.perf_counter()
        plusx.fit(
            data,
            model="resnet18",
            recipe="paper",
            epochs=epochs,
            batch_size=BATCH,
            rate=RATE,
            image_size=SIZE,
            precision="fp32",
            channels_last="no",
            compile="no",
            workers=WORKERS,
            export=False,
            out=Path(directory) / "run",
        )
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    bare: list[float] = []
    fit: list[float] = []
    epochs = bare_epochs(arguments.data)
    next(epochs)
    for _ in range(arguments.rounds):
        once = fit_seconds(arguments.data, 1)
        fit.append((fit_seconds(arguments.data, 1 + arguments.epochs) - once) / arguments.epochs)
        bare.append(sum(next(epochs) for _ in range(arguments.epochs)) / arguments.epochs)
    ratios = [ours / theirs for ours, theirs in zip(fit, bare, strict=True)]
    print(f"bare loop {statistics.median(bare):.2f} s an epoch, plusx fit {statistics.median(fit):.2f} s")
    print(f"ratio: median {statistics.median(ratios):.3f}, all {[round(ratio, 3) for ratio in ratios]}")


if __name__ == "__main__":
    main()
