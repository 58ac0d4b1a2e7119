"""Ratios of a minute, beside those of the last results: what has become slower since, as information.

Each ratio is of plusx to what stands beside it in the same rounds, so that one machine's can be compared with another's
as far as such ratios can: a difference below a quarter says nothing. Nothing fails here.

Run: python benchmarks/quick.py [--rounds 7] [--write]     (--write: these are the last results from now on)
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torchvision.transforms import v2

import loading
from first_answer import process, void
from plusx.core.card import Input
from plusx.data.transforms import TrainTransform, TrainTransformConfig
from plusx.deploy.export import export
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.weights.create import card_for, create_model, create_task
from side_by_side import interleaved
from training_step import step

LAST = Path(__file__).with_name("quick.json")
NOISE = 0.25
Pair = tuple[Callable[[], None], Callable[[], None]]


def training() -> Pair:
    """Steps of ResNet-18, fp32, 8 images of 112 pixels: beside torchvision's network."""
    images, targets = torch.randn(8, 3, 112, 112), torch.arange(8)
    return step(create_model("resnet18"), images, targets), step(torchvision.models.resnet18(), images, targets)


def photos(folder: Path) -> Pair:
    """64 JPEG files of 500×375 to cropped batches: beside torchvision's transforms v2 on Pillow images."""
    rows, columns = np.mgrid[0:375, 0:500]
    paths = []
    for number in range(64):
        waves = [np.sin(rows / (9 + number % 7) + phase) + np.cos(columns / (5 + number % 11)) for phase in range(3)]
        noise = np.random.default_rng(number).normal(0, 6, (375, 500, 3))
        paths.append(folder / f"{number}.jpg")
        Image.fromarray((np.stack(waves, -1) * 50 + 128 + noise).clip(0, 255).astype(np.uint8)).save(paths[-1])
    random = v2.Compose([v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()])
    own = loading.plusx(paths, TrainTransform(Input(), TrainTransformConfig()))
    return own, loading.torchvision(paths, lambda image: v2.functional.pil_to_tensor(random(image)))


def answers(folder: Path) -> Pair:
    """One image: the exported ResNet-18 with its preparation of pixels beside the eager network alone."""
    card, task = card_for("resnet18", "imagenet"), create_task("resnet18", "classify", {"classes": ("a", "b")}).eval()
    assert card is not None
    export(task, card, folder / "model.onnx")
    predictor = OnnxPredictor(folder / "model.onnx")
    image, normal = np.zeros((224, 224, 3), np.uint8), torch.zeros(1, 3, 224, 224)

    def eager() -> None:
        with torch.inference_mode():
            task(normal)

    return lambda: void(predictor.predict([image], ["image"])), eager


def processes(folder: Path) -> dict[str, Pair]:
    """From a cold shell; `answers` has left the file."""
    Image.new("RGB", (500, 375)).save(folder / "photo.jpg")
    shell = Path(sys.executable).parent / "plusx"
    python, imports = process([sys.executable, "-c", ""]), process([sys.executable, "-c", "import torch"])
    predict = process([shell, "predict", folder / "model.onnx", folder / "photo.jpg"])
    return {
        "import plusx / Python alone": (process([sys.executable, "-c", "import plusx"]), python),
        "plusx --help / Python alone": (process([shell, "--help"]), python),
        "plusx predict, one photo / import torch": (predict, imports),
    }


def ratios(rounds: int) -> dict[str, float]:
    """What was measured; the median over the rounds of seconds / seconds."""
    found = {}
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        pairs = {
            "training step of ResNet-18 / torchvision's": training(),
            "photos to batches / torchvision on Pillow": photos(folder),
            "one answer in ONNX Runtime / eager torch": answers(folder),
            **processes(folder),
        }
        for name, (own, other) in pairs.items():
            seconds = interleaved({"own": own, "other": other}, rounds)
            found[name] = statistics.median(a / b for a, b in zip(seconds["own"], seconds["other"], strict=True))
    return found


def compared(now: Mapping[str, float], last: Mapping[str, float]) -> str:
    """A table; a ratio that grew by more than noise is called slower."""
    lines = ["| seconds / seconds | now | last | |", "|---|---|---|---|"]
    for name, ratio in now.items():
        before = last.get(name)
        change = 0.0 if before is None else ratio / before - 1
        said = "new" if before is None else "SLOWER" if change > NOISE else "faster" if change < -NOISE else "the same"
        lines.append(f"| {name} | {ratio:.3f} | {'–' if before is None else f'{before:.3f}'} | {said} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    now = ratios(arguments.rounds)
    print(compared(now, json.loads(LAST.read_text()) if LAST.exists() else {}))
    if arguments.write:
        LAST.write_text(json.dumps({name: round(ratio, 3) for name, ratio in now.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
