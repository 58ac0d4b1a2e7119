"""Training steps and answers of exported files, 224 pixels: images/s beside timm and eager torch, and the limit.

Training: plusx as `fit` places a network on this machine (half precision and channels last where they are faster),
with its whole step (normalisation of uint8 images, checks, update), against a bare loop around timm's network: as its
train.py has it without flags (fp32, contiguous), and with channels last and bf16 turned on by hand; and against Keras
on torch and on JAX (`compile`, `train_on_batch`) where it has the network and PEERS_PYTHON, an interpreter, has the
library. SGD, batches of 32.
Answers: the exported ONNX file in ONNX Runtime and in OpenVINO against the eager network in fp32, batches of 1 and 32.
The limit: multiply-adds (three times those of an answer for a step) at the rate at which this machine multiplies two
matrices of 2048 x 2048, in the same precision. What the network does besides convolving is not in it.

Run: python benchmarks/throughput.py [--rounds 7] [--models resnet18 resnet50 mobilenet_v2]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import timm
import torch

from plusx.backbones.count import multiply_adds
from plusx.core.batch import Batch
from plusx.core.card import Input
from plusx.deploy.export import export
from plusx.deploy.openvino_predictor import OpenVinoPredictor
from plusx.engine.device import Workload, choose_placement
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.step import Stepper
from plusx.weights.create import card_for, create_task
from plusx.workflows.loading import preparation
from side_by_side import interleaved

SIDE, BATCH = 224, 32
TIMM = {"mobilenet_v2": "mobilenetv2_100"}
HERE = Path(__file__).parent
BACKENDS = ("torch", "jax")
KERAS = {"resnet50": "ResNet50", "mobilenet_v2": "MobileNetV2"}
STEPS = 10_000  # of a run long enough for `fit` to measure as long as it ever does
CLASSES = tuple(map(str, range(1000)))


def own_step(name: str) -> tuple[Callable[[], None], Placement]:
    """The step of `fit`, and where it was placed."""
    task = create_task(name, "classify", {"classes": CLASSES})
    placement = choose_placement(task, Workload((SIDE, SIDE), BATCH, STEPS), device="cpu", compile=False)
    stepper = Stepper(task, Plan(optimizer=SGD(rate=1e-3)), placement, preparation(Input()))
    stepper.begin_epoch(0)
    images = torch.randint(0, 256, (BATCH, 3, SIDE, SIDE), dtype=torch.uint8)
    images = images.contiguous(memory_format=torch.channels_last)
    batch = Batch(images, torch.arange(BATCH), tuple(map(str, range(BATCH))), torch.arange(BATCH))
    return lambda: void(stepper.step([batch], Position(0, 0, 0), 1.0)), placement


def timm_step(name: str, *, by_hand: bool) -> Callable[[], None]:
    """A bare loop, as train.py has it; by hand: `--channels-last --amp --amp-dtype bfloat16`."""
    layout = torch.channels_last if by_hand else torch.contiguous_format
    model = timm.create_model(TIMM.get(name, name)).to(memory_format=layout).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    images = torch.randn(BATCH, 3, SIDE, SIDE).contiguous(memory_format=layout)
    targets = torch.arange(BATCH)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=by_hand):
            loss = torch.nn.functional.cross_entropy(model(images), targets)
        loss.backward()
        optimizer.step()

    return step


@contextmanager
def keras_steps(name: str) -> Iterator[dict[str, Callable[[], None]]]:
    """A step on each backend that can be imported; nothing where Keras has no such network."""
    steps = {}
    with ExitStack() as stack:
        for backend in BACKENDS if name in KERAS else ():
            command = [os.environ.get("PEERS_PYTHON", sys.executable), "-W", "ignore", str(HERE / "keras_step.py")]
            worker = stack.enter_context(
                subprocess.Popen(
                    [*command, KERAS[name], str(BATCH)],
                    env=os.environ | {"KERAS_BACKEND": backend},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            if waited(worker) == "ready":
                steps[f"Keras on {backend}"] = partial(asked, worker)
            else:
                print(f"| {name}, training | Keras on {backend} | does not run here | | | |", flush=True)
        yield steps


def waited(worker: "subprocess.Popen[str]") -> str:
    """The next of its words; none where it has ended. Others it may say are passed over."""
    assert worker.stdout is not None
    return next((line.strip() for line in worker.stdout if line.strip() in ("ready", "done")), "")


def asked(worker: "subprocess.Popen[str]") -> None:
    """A step."""
    assert worker.stdin is not None
    worker.stdin.write("step\n")
    worker.stdin.flush()
    if waited(worker) != "done":
        raise RuntimeError("Keras ended in the middle of a step: run benchmarks/keras_step.py to see why.")


def answers(name: str, folder: Path, batch: int) -> dict[str, Callable[[], None]]:
    """Eager fp32, and the exported file, on the same uint8 images."""
    import onnxruntime

    card = card_for(name, "imagenet")
    task = create_task(name, "classify", {"classes": CLASSES}).eval()
    assert card is not None
    path = folder / f"{name}.onnx"
    if not path.exists():
        export(task, card, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (batch, SIDE, SIDE, 3), dtype=np.uint8)
    normal = torch.randn(batch, 3, SIDE, SIDE)
    entry = session.get_inputs()[0].name

    def eager() -> None:
        with torch.inference_mode():
            task(normal)

    fast, half = (OpenVinoPredictor(path, precision=one) for one in ("fp32", "bf16"))
    return {
        "eager fp32": eager,
        "ONNX Runtime": lambda: void(session.run(None, {entry: images})),
        "OpenVINO": lambda: void(fast.rows(images)),
        "OpenVINO bf16": lambda: void(half.rows(images)),
    }


def rate_of_products(dtype: torch.dtype, rounds: int = 7) -> float:
    """Multiply-adds a second."""
    a, b = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    a @ b
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - began)
    return 2048**3 / statistics.median(seconds)


def void(_: object) -> None:
    """A call for its time alone."""


def rows(title: str, seconds: Mapping[str, list[float]], images: int, limits: Mapping[str, float]) -> None:
    """Images/s, the median over rounds of the ratio to the first, and the share of the limit in bf16 or fp32."""
    reference = next(iter(seconds))
    for name, times in seconds.items():
        rate = images / statistics.median(times)
        spread = statistics.median(abs(images / one - rate) for one in times)
        ratio = statistics.median(a / b for a, b in zip(seconds[reference], times, strict=True))
        share = rate / limits["bf16" if "bf16" in name or "by hand" in name else "fp32"]
        print(f"| {title} | {name} | {rate:.1f} | {spread:.1f} | {ratio:.2f} | {share:.0%} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", nargs="+", default=["resnet18", "resnet50", "mobilenet_v2"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    products = {name: rate_of_products(dtype) for name, dtype in (("fp32", torch.float), ("bf16", torch.bfloat16))}
    said = ", ".join(f"{rate / 1e9:.0f} G multiply-adds/s in {name}" for name, rate in products.items())
    print(f"{torch.get_num_threads()} threads; products of matrices: {said}\n")
    print("| what | who | images/s | spread | times the first | of the limit |\n|---|---|---|---|---|---|")
    for name in arguments.models:
        task = create_task(name, "classify", {"classes": CLASSES})
        cost = multiply_adds(task.backbone, 1000, SIDE)
        step, placement = own_step(name)
        steps = {
            "timm, as it is": timm_step(name, by_hand=False),
            "timm, by hand": timm_step(name, by_hand=True),
            f"plusx ({placement})": step,
        }
        answered = {precision: rate / cost for precision, rate in products.items()}
        trained = {precision: rate / 3 for precision, rate in answered.items()}
        with keras_steps(name) as more:
            rows(f"{name}, training", interleaved(steps | more, arguments.rounds), BATCH, trained)
        with tempfile.TemporaryDirectory() as folder:
            for batch in (1, 32):
                found = interleaved(answers(name, Path(folder), batch), 3 * arguments.rounds if batch == 1 else 5)
                rows(f"{name}, answers, {batch}", found, batch, answered)


if __name__ == "__main__":
    main()
