"""What it costs that a step can be undone and a file read again, when nothing breaks.

python benchmarks/faults.py
"""

import statistics
import time
from collections.abc import Callable

import torch

from plusx.core.batch import Batch
from plusx.data.patience import patiently
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.rollback import Rollback, random_states
from plusx.engine.step import Stepper
from plusx.weights.create import create_model

CPU = Placement(torch.device("cpu"))


def median(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the processor that the median call takes in this thread, whatever else the machine does."""
    seconds = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        seconds.append(time.thread_time() - began)
    return statistics.median(seconds)


def of_network(name: str) -> str:
    """A line with a step of 8 images of 128 pixels, and what is added to it."""
    task = create_model(name, task="classify", classes=("a", "b"))
    stepper = Stepper(task, Plan(optimizer=SGD(rate=1e-3)), CPU, lambda batch, generator: batch)
    stepper.begin_epoch(0)
    batch = Batch(torch.rand(8, 3, 128, 128), torch.arange(8) % 2, tuple("abcdefgh"), torch.arange(8))
    step = median(lambda: stepper.step([batch], Position(0, 0, 0), 1.0), 3)
    mark, states = median(Rollback(task, CPU.device).mark, 200), median(lambda: random_states(CPU.device), 200)
    return f"{name}: step {step:.2f} s; mark {1e3 * mark:.2f} ms, states {1e6 * states:.0f} µs"


def main() -> None:
    """One line for a network, and one for the reading."""
    torch.set_num_threads(1)
    print(of_network("resnet18"))
    print(f"patiently: {1e6 * (median(lambda: patiently(int), 2000) - median(int, 2000)):.1f} µs a file")


if __name__ == "__main__":
    main()
