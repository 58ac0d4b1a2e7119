"""How long the training loop waits for a save: written by the loop itself, and written by a thread beside it.

ResNet-50 with AdamW and averaged weights: weights, two momenta and averages, 4 tensors a parameter. Between two saves a
training step is made, as in a run; steps while the thread writes are timed too: it takes its share of the machine.

Run: python benchmarks/checkpoint.py [--rounds 11] [--directory DIR]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from plusx.engine import randomness
from plusx.engine.saving import Saver, write_all
from plusx.engine.state import State
from plusx.weights.create import create_model


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Training:
    """What a checkpoint of ResNet-50 holds, and a step that changes it."""

    def __init__(self, device: str) -> None:
        self.model, self.average = (create_model("resnet50").to(device) for _ in range(2))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.images = torch.randn(4, 3, 64, 64, device=device)
        self.targets = torch.randint(1000, (4,), device=device)

    def step(self) -> None:
        self.optimizer.zero_grad()
        nn.functional.cross_entropy(self.model(self.images), self.targets).backward()
        self.optimizer.step()
        if self.images.is_cuda:
            torch.cuda.synchronize()

    def content(self) -> dict[str, Any]:
        return {
            "task": self.model.state_dict(),
            "average": {"task": self.average.state_dict(), "updates": 1},
            "optimizer": self.optimizer.state_dict(),
            "primary": "accuracy",
            "state": State(step=1).to_json(),
            "random": randomness.capture(),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--directory", type=Path, help="on the disk to measure; default: the system's temporary one")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training = Training(device)
    training.step()
    times: dict[str, list[float]] = {
        name: [] for name in ("the loop writes", "a thread writes", "until it is written", "step", "step meanwhile")
    }
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        directory = Path(name)
        saver = Saver(directory, 2)
        saver.save(training.content())  # takes the memory of the copy
        saver.wait()
        for _ in range(arguments.rounds):
            times["step"].append(seconds(training.step))
            times["the loop writes"].append(seconds(lambda: write_all(directory, training.content(), 2)))
            began = time.perf_counter()
            times["a thread writes"].append(seconds(lambda: saver.save(training.content())))
            times["step meanwhile"].append(seconds(training.step))
            saver.wait()
            times["until it is written"].append(time.perf_counter() - began)
        size = (directory / "last.pt").stat().st_size
    print(f"ResNet-50, AdamW, averaged weights: {size / 1e6:.0f} MB; {device}, {torch.get_num_threads()} threads")
    for what, found in times.items():
        print(f"{what:20} {1000 * statistics.median(found):7.0f} ms  (least {1000 * min(found):.0f})")


if __name__ == "__main__":
    main()
