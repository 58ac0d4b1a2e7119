"""From the shell to the answer: processes that start cold and label one photo, beside a script on timm.

plusx: `plusx predict model.onnx photo.jpg`, the file that `fit` leaves. timm: the script of its documentation (create
the model, load the weights, its own transform, softmax). Both with ResNet-18 for 10 classes. Beside them what a process
cannot do without: Python with onnxruntime, Python with torch. Then `import plusx`, `plusx --help`, and in a warm
process what reading a photo adds to answering.

Run: python benchmarks/first_answer.py [--rounds 9]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from plusx.deploy.export import export
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.weights.create import card_for, create_task
from side_by_side import interleaved, table

CLASSES = tuple(map(str, range(10)))
SCRIPT = """
import sys, timm, torch
from PIL import Image
model = timm.create_model("resnet18", num_classes=10).eval()
model.load_state_dict(torch.load(sys.argv[1]))
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
with torch.inference_mode():
    print(model(transform(Image.open(sys.argv[2]).convert("RGB"))[None]).softmax(1).topk(5))
"""


def process(words: Sequence[object]) -> Callable[[], None]:
    """A call that waits for it to end well. Compiled modules are kept, as they are for whoever installs a package."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: void(subprocess.run([str(word) for word in words], check=True, capture_output=True, env=kept))


def void(_: object) -> None:
    """A call for its time alone."""


def warm(path: Path, photo: Path, rounds: int) -> float:
    """Median ratio, in one process, of reading and answering one photo to answering it when it is read."""
    from plusx.data.images import read_image

    predictor = OnnxPredictor(path)
    image = read_image(photo)
    bare, whole = [], []
    for _ in range(10 * rounds):
        began = time.perf_counter()
        predictor.predict([image], ["photo"])
        bare.append(time.perf_counter() - began)
        began = time.perf_counter()
        predictor.predict([read_image(photo)], ["photo"])
        whole.append(time.perf_counter() - began)
    return statistics.median(a / b for a, b in zip(whole[5:], bare[5:], strict=True))


def main() -> None:
    import timm

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    card = card_for("resnet18", "imagenet")
    assert card is not None
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        photo = work / "photo.jpg"
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (375, 500, 3), dtype=np.uint8)).save(photo)
        export(create_task("resnet18", "classify", {"classes": CLASSES}), card, work / "model.onnx")
        torch.save(timm.create_model("resnet18", num_classes=10).state_dict(), work / "weights.pth")
        (work / "script.py").write_text(SCRIPT)
        python, shell = sys.executable, Path(sys.executable).parent / "plusx"
        cold = {
            "plusx predict model.onnx photo.jpg": process([shell, "predict", work / "model.onnx", photo]),
            "a script on timm": process([python, work / "script.py", work / "weights.pth", photo]),
            "python -c 'import onnxruntime'": process([python, "-c", "import onnxruntime"]),
            "python -c 'import torch'": process([python, "-c", "import torch"]),
            "python -c 'import plusx'": process([python, "-c", "import plusx"]),
            "python -c ''": process([python, "-c", ""]),
            "plusx --help": process([shell, "--help"]),
            "plusx fit --help": process([shell, "fit", "--help"]),
        }
        print(table(interleaved(cold, rounds), "plusx predict model.onnx photo.jpg"))
        print(
            f"\nWarm, ResNet-18, a photo of 500×375: {warm(work / 'model.onnx', photo, rounds):.3f} of an array's time"
        )


if __name__ == "__main__":
    main()
