"""The main job on real images, without a network: handwritten digits (UCI ML, scanned at 8×8 pixels), from scratch.

Writes the digits that scikit-learn carries as an image folder, trains a ResNet-20 on them, predicts single files and
says where the report lies. Run by `make demo`.
"""

import time
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import plusx

HERE = Path("demo")


def write_folder(root: Path) -> None:
    """demo/digits/<digit>/<number>.png: 1,797 grey images of 8×8 pixels."""
    pixels_of_all, digits = load_digits(return_X_y=True)
    for number, (pixels, digit) in enumerate(zip(pixels_of_all.reshape(-1, 8, 8), digits, strict=True)):
        path = root / str(digit) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.round(pixels * (255 / 16)).astype(np.uint8)).save(path)


def main() -> None:
    write_folder(HERE / "digits")
    started = time.perf_counter()
    run = plusx.fit(HERE / "digits", model="resnet20", epochs=12, flip=False, out=HERE / "run", overwrite=True)
    print(f"\ntrained in {time.perf_counter() - started:.0f} s: {run.metrics['accuracy']:.2%} of the validation images")
    for prediction in plusx.load(run.path).predict(sorted((HERE / "digits").glob("*/00[0-9][0-9].png"))[:10]):
        print(f"{prediction.name}: {prediction.label} ({prediction.probability:.1%})")
    print(f"report: {run.report}")


if __name__ == "__main__":
    main()
