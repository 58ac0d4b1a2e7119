"""What measuring the norms of a step costs: a training step and the measurement beside it, and the share over a run.

Steps of `engine.step.Stepper` with random images, and `StageNorms.around` with nothing inside after each; medians. On
the CPU times are those that the process was given, with one thread, so that other processes do not count. The share
is that of a measurement in the steps between two of them, at the least and at the most that a run leaves.

Run: python benchmarks/stage_norms.py [--device cuda]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from plusx.backbones.create import build
from plusx.core.batch import Batch
from plusx.engine.placement import Placement, place
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.stage_norms import LEAST_APART, MOST_APART, StageNorms
from plusx.engine.step import Stepper
from plusx.tasks.create import create

CASES = (("resnet20", 32, 32), ("resnet18", 128, 32))


def seconds(name: str, size: int, count: int, device: torch.device, steps: int) -> tuple[float, float]:
    """Median of a step and of a measurement."""
    torch.manual_seed(0)
    task = create("classify", build(name), {"classes": [str(k) for k in range(10)]})
    placement = Placement(device)
    place(task, placement)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, 3, size, size, generator=generator)
    targets = torch.randint(10, (count,), generator=generator)
    batch = Batch(images, targets, tuple(map(str, range(count))), torch.arange(count))
    stepper = Stepper(task, Plan(epochs=1), placement, lambda batch, generator: batch)
    norms = StageNorms(stepper.task)
    stepper.begin_epoch(0)
    plain, measured = [], []
    for _ in range(steps + 2):
        plain.append(timed(lambda: stepper.step([batch], Position(0, 0, 0), 0.1), device))
        measured.append(timed(lambda: measure(norms), device))
    return statistics.median(plain[2:]), statistics.median(measured[2:])


def measure(norms: StageNorms) -> None:
    with norms.around(1.0):
        pass


def timed(work: Callable[[], Any], device: torch.device) -> float:
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    began = clock()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=15, help="to take the median of")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| network | step | measurement | share, one of 5 | share, one of 50 |\n|---|---|---|---|---|")
    for name, size, count in CASES:
        plain, measured = seconds(name, size, count, torch.device(options.device), options.steps)
        extra = measured / plain
        times = f"{1000 * plain:.1f} ms | {1000 * measured:.1f} ms"
        shares = f"{100 * extra / LEAST_APART:.2f} % | {100 * extra / MOST_APART:.3f} %"
        print(f"| {name}, {count} × {size}² | {times} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
