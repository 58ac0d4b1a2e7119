"""Facts as a run leaves them: enough of everything to look at."""

import io
import math
import random

import pytest
from PIL import Image, ImageDraw

from plusx.core.card import Card, Source
from plusx.core.details import ClassScore, Confusion, Details, Pairs, ReliabilityBin
from plusx.report.facts import Facts, Mistake, Snippet

CLOTHES = ("Dress", "Hat", "Longsleeve", "Outwear", "Pants", "Shirt", "Shoes", "Shorts", "Skirt", "T-Shirt")


def confusion_of(classes: tuple[str, ...], right: float, images: int) -> Confusion:
    """Mistakes mostly between neighbours."""
    chance = random.Random(1)
    counts = [[0] * len(classes) for _ in classes]
    for i in range(len(classes)):
        for _ in range(images + 3 * (i % 4)):
            neighbour = min(max(i + chance.choice((-2, -1, 1, 1)), 0), len(classes) - 1)
            counts[i][i if chance.random() < right else neighbour] += 1
    return Confusion(classes, tuple(tuple(row) for row in counts))


def scores_of(confusion: Confusion) -> tuple[ClassScore, ...]:
    columns = list(zip(*confusion.counts, strict=True))
    rows = []
    for c, name in enumerate(confusion.classes):
        right, support, given = confusion.counts[c][c], sum(confusion.counts[c]), sum(columns[c])
        precision = right / given if given else None
        rows.append(
            ClassScore(name, support, precision, right / support, 2 * right / (support + given), {"AUROC": 0.97})
        )
    return tuple(rows)


def history(epochs: int) -> list[dict[str, float]]:
    chance = random.Random(2)
    rows = []
    for epoch in range(1, epochs + 1):
        rise = 1 - math.exp(-epoch / 5)
        rate = 1e-3 * min(epoch / 3, (1 + math.cos(math.pi * epoch / epochs)) / 2)
        rows.append(
            {
                "epoch": epoch,
                "loss": 2.3 * math.exp(-epoch / 4) + 0.05 + 0.03 * chance.random(),
                "accuracy": 0.12 + 0.8 * rise + 0.02 * chance.random(),
                "balanced-accuracy": 0.10 + 0.79 * rise + 0.02 * chance.random(),
                "macro-f1": 0.08 + 0.80 * rise + 0.02 * chance.random(),
                "nll": 2.0 * math.exp(-epoch / 5) + 0.3 + 0.02 * chance.random(),
                "ece": 0.15 * math.exp(-epoch / 6) + 0.02 + 0.01 * chance.random(),
                "learning_rate": rate,
                "images_per_second": 41 + 3 * chance.random(),
                "seconds": 16.2,
            }
        )
    return rows


def picture(seed: int) -> bytes:
    chance = random.Random(seed)
    image = Image.new("RGB", (150 + 50 * (seed % 2), 200 - 40 * (seed % 3)), f"hsl({chance.randrange(360)}, 30%, 80%)")
    ImageDraw.Draw(image).ellipse((30, 30, 120, 130), fill=f"hsl({chance.randrange(360)}, 50%, 45%)")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


def mistakes(count: int) -> tuple[Mistake, ...]:
    names = [(CLOTHES[k % 10], CLOTHES[(k * 3 + 1) % 10]) for k in range(count)]
    return tuple(
        Mistake(picture(k), f"val/{true}/{k:04d}-photo.jpg", true, predicted, 0.99 - 0.02 * k)
        for k, (true, predicted) in enumerate(names)
    )


@pytest.fixture
def facts() -> Facts:
    """A run of single-label classification."""
    confusion = confusion_of(CLOTHES, 0.9, 14)
    card = Card("resnet18.a1_in1k", "resnet18", source=Source(repository="timm/resnet18.a1_in1k"), licence="Apache-2.0")
    bins = tuple(
        ReliabilityBin(k / 15, (k + 1) / 15, 2 + k * k // 6, (k + 0.6) / 15, (k + 0.3) / 15) for k in range(4, 15)
    )
    return Facts(
        title="clothing-resnet18",
        trained="resnet18, from resnet18.a1_in1k, for 10 classes of folders data",
        created="2026-11-24 08:12",
        command="plusx fit ../shared/data/clothing --model resnet18 --epochs 20 --out runs/clothing-resnet18",
        primary="accuracy",
        metrics={
            "accuracy": 0.9226,
            "top-5": 0.9940,
            "balanced-accuracy": 0.9105,
            "macro-f1": 0.9089,
            "auroc": 0.9921,
            "ece": 0.0312,
            "nll": 0.3046,
        },
        scored_on="168 validation images",
        best_epoch=17,
        history=history(20),
        details=Details(scores_of(confusion), confusion, bins),
        mistakes=mistakes(13),
        findings=(
            {
                "code": "leak",
                "severity": "error",
                "image": "train/Hat/0017.jpg",
                "split": "val",
                "message": "The same image is in train and in val (val/Hat/0203.jpg).",
                "advice": "Remove one of the two: a model is scored too well on images it has seen.",
            },
            {
                "code": "cut-off",
                "severity": "warning",
                "image": "train/Shoes/9.jpg",
                "split": "train",
                "message": "The file ends before the image does; it is left out.",
                "advice": "Fetch the file again.",
            },
            {
                "code": "duplicate",
                "severity": "note",
                "image": "train/Skirt/1.jpg",
                "split": "train",
                "message": "Same content as train/Skirt/2.jpg.",
                "advice": "Keep one of them.",
            },
        ),
        audited_files=840,
        agreement="model.onnx gives the same class for 168 of 168 images; largest difference of probabilities 3e-06.",
        usage=(
            Snippet(
                "shell", "plusx predict runs/clothing-resnet18 photo.jpg\nplusx evaluate runs/clothing-resnet18 DATA"
            ),
            Snippet(
                "Python", 'import plusx\n\nmodel = plusx.load("runs/clothing-resnet18")\nmodel.predict("photo.jpg")[0]'
            ),
        ),
        card=card.to_json(),
        settings={"model": "resnet18", "epochs": 20, "optimizer": {"rate": 1e-3, "weight_decay": 0.05}, "flip": True},
        environment={"python": "3.11.9", "torch": "2.15.0", "cores": 2, "device": "cpu"},
        notes=("No validation split was found: 20 % of the images were set aside, stratified, seed 0.",),
    )


@pytest.fixture
def regression_facts() -> Facts:
    """A run with two columns."""
    chance = random.Random(3)
    true = [chance.uniform(18, 80) for _ in range(160)]
    age = Pairs("age", tuple(true), tuple(v + chance.gauss(0, 4) for v in true))
    price = Pairs("price", tuple(v * 1000 for v in true), tuple(v * 1000 + chance.gauss(0, 9000) for v in true))
    rows = [{"epoch": k, "loss": 2.0 / k**2, "mae/age": 3 + 9 / k, "r2/age": 1 - 1 / k} for k in range(1, 31)]
    return Facts(
        title="ages",
        trained="resnet50 for 2 columns",
        created="2026-11-24",
        command="plusx fit people.csv",
        primary="standardised-mae",
        higher_is_better=False,
        metrics={"mae": 3.21, "rmse": 4.32, "r2": 0.91, "standardised-mae": 0.213, "mae/age": 3.2, "mae/price": 8123.4},
        history=rows,
        best_epoch=30,
        details=Details(pairs=(age, price)),
        findings=(),
        audited_files=160,
    )
