"""The head of a ResNet-50 alone, 10 epochs on a CPU: plusx, which computes what stays once, beside timm and fastai.

All train the last layer on the same 600 photographs of clothes (224 pixels), as their own means have it: plusx
`fit --strategy head`; timm `create_loader`, `timm.utils.freeze` and the settings of its train.py; fastai
`vision_learner`, whose body is frozen from the start, and `fit_one_cycle`. Weights are random ones that torchvision
wrote: what is compared is time. Seconds are those of the training call (plusx: the whole verb with audit, evaluation
and report, the maps kept for the first time; and again, with the maps there), validation after each epoch included.

That the accuracy is the same is measured with weights that know something, given as CHECKPOINT (a ResNet-18 in
torchvision's keys): plusx with and without kept maps, on the 240 photographs of the test, five seeds.

Run: python benchmarks/frozen_maps.py SHARED_DATA EPOCHS [CHECKPOINT]
$PEERS_PYTHON: a Python that has fastai; none: this one.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from recipes.listed import Listed
from recipes.sets import clothing, table

HERE = Path(__file__).parent


def plusx_head(shared: Path, epochs: int, weights: Path, work: Path, **settings: Any) -> tuple[float, float]:
    """Seconds, and accuracy in % on the images of the test."""
    import plusx

    contest = clothing(shared)
    work.mkdir(exist_ok=True)
    table(contest, work / "train.csv")
    words: dict[str, Any] = {"model": "resnet50", **settings}
    began = time.perf_counter()
    run = plusx.fit(
        work / "train.csv",
        weights=str(weights),
        strategy="head",
        epochs=epochs,
        out=work / "run",
        overwrite=True,
        export=False,
        **words,
    )
    took = time.perf_counter() - began
    found = plusx.load(run.path).predict([str(path) for path, _ in contest.test])
    right = [
        one.label == contest.classes[cast(int, target)] for one, (_, target) in zip(found, contest.test, strict=True)
    ]
    return took, 100 * statistics.mean(right)


def timm_head(shared: Path, epochs: int, weights: Path) -> float:
    """Seconds. A fifth of the images validates, as plusx has it."""
    import timm
    import torch
    from timm.data import create_loader
    from timm.loss import LabelSmoothingCrossEntropy
    from timm.optim import create_optimizer_v2
    from timm.utils import freeze

    rows = clothing(shared).train
    train, val = [row for at, row in enumerate(rows) if at % 5], rows[::5]
    model = timm.create_model("resnet50", num_classes=1000)
    model.load_state_dict(torch.load(weights))
    cast(Any, model).reset_classifier(10)
    freeze(model, [name for name, _ in model.named_children() if name != "fc"])
    how: dict[str, Any] = {"input_size": (3, 224, 224), "use_prefetcher": False, "num_workers": 2, "batch_size": 32}
    how |= {"persistent_workers": True, "device": torch.device("cpu")}
    loader = create_loader(cast(Any, Listed(train)), is_training=True, color_jitter=0.4, **how)
    measuring = create_loader(cast(Any, Listed(val)), is_training=False, **how)
    optimizer = create_optimizer_v2(model, opt="sgd", lr=0.1 * 32 / 256, momentum=0.9)
    loss = LabelSmoothingCrossEntropy(0.1)
    began = time.perf_counter()
    for _ in range(epochs):
        model.train()
        for images, targets in loader:
            optimizer.zero_grad()
            loss(model(images), targets).backward()
            optimizer.step()
        model.eval()
        with torch.inference_mode():
            for images, _ in measuring:
                model(images)
    return time.perf_counter() - began


def fastai_head(shared: Path, epochs: int, weights: Path) -> float:
    """Seconds."""
    import pandas
    import torch
    import torchvision
    from fastai.vision.all import ImageDataLoaders, Resize, accuracy, aug_transforms, vision_learner
    from fastai.vision.learner import model_meta

    contest = clothing(shared)
    rows = pandas.DataFrame([(str(path), contest.classes[cast(int, target)]) for path, target in contest.train])
    loaders = ImageDataLoaders.from_df(
        rows, path="/", item_tfms=Resize(460), batch_tfms=aug_transforms(size=224), bs=32, num_workers=2, seed=0
    )

    def resnet50(weights: Any = None, **_: Any) -> Any:
        model = torchvision.models.resnet50()
        model.load_state_dict(torch.load(given))
        return model

    given = weights
    model_meta[resnet50] = model_meta[torchvision.models.resnet50]
    learner = vision_learner(loaders, resnet50, metrics=accuracy)
    began = time.perf_counter()
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(epochs)
    return time.perf_counter() - began


def in_a_process(library: str, words: Sequence[object]) -> float:
    """Seconds that it says last."""
    python = os.environ.get("PEERS_PYTHON", sys.executable) if library == "fastai" else sys.executable
    command = [python, "-W", "ignore", __file__, library, *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    first, *words = sys.argv[1:]
    if first in ("timm", "fastai", "plusx"):
        shared, epochs, weights, *rest = words
        if first == "plusx":
            took, _ = plusx_head(
                Path(shared), int(epochs), Path(weights), Path(rest[0]), frozen_views=json.loads(rest[1])
            )
        else:
            took = {"timm": timm_head, "fastai": fastai_head}[first](Path(shared), int(epochs), Path(weights))
        print(json.dumps(took))
        return
    shared, epochs = Path(first), int(words[0])
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        os.environ["PLUSX_CACHE"] = str(work / "cache")
        compare_times(shared, epochs, work)
        if words[1:]:
            compare_accuracy(shared, epochs, Path(words[1]), work)


def compare_times(shared: Path, epochs: int, work: Path) -> None:
    """ResNet-50 with random weights."""
    import torch
    import torchvision

    weights = work / "resnet50.pth"
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet50().state_dict(), weights)
    given = (shared, epochs, weights)
    own = in_a_process("plusx", (*given, work / "first", "null"))
    rows = {
        "plusx, kept for the first time": own,
        "plusx, maps there": in_a_process("plusx", (*given, work / "second", "null")),
        "plusx, nothing kept": in_a_process("plusx", (*given, work / "third", "0")),
        "timm": in_a_process("timm", given),
        "fastai": in_a_process("fastai", given),
    }
    print(f"| head of ResNet-50, {epochs} epochs | seconds | times the first |\n|---|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {seconds:.1f} | {seconds / own:.1f} |", flush=True)


def compare_accuracy(shared: Path, epochs: int, weights: Path, work: Path) -> None:
    """ResNet-18 with weights that know something."""
    print("\n| head of ResNet-18 | accuracy % on the test, mean and spread of 5 seeds |\n|---|---|")
    for name, views in (("kept, one view", None), ("nothing kept, crops anew", 0)):
        found = [
            plusx_head(shared, epochs, weights, work / "own", model="resnet18", frozen_views=views, seed=seed)[1]
            for seed in range(5)
        ]
        print(f"| {name} | {statistics.mean(found):.2f} ± {statistics.stdev(found):.2f} |", flush=True)


if __name__ == "__main__":
    main()
