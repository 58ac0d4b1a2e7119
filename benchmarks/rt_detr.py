"""The head RT-DETR beside Hugging Face's with the same weights and maps: inference, and losses with their gradients.

The backbone, which both share, is left out. A ratio is the median over the rounds, below 1 plusx is faster. Needs
transformers, which is in no list of dependencies.

Run: OMP_NUM_THREADS=1 PYTHONPATH=tests python benchmarks/rt_detr.py --cpu-time [--rounds 5] [--batch 2] [--size 320]
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch

from plusx.core.stage import Stage
from plusx.nn.detection.best import best
from plusx.nn.detection.rt_detr import RTDETR, RTDETRConfig
from rt_detr_reference import reference
from side_by_side import interleaved, table

CLASSES = 80
STAGES = tuple(Stage(f"conv{i}", 16 * 2**i, 2**i) for i in (3, 4, 5))
"""Those of ResNet-18."""
OBJECTS = 12


def passes(config: RTDETRConfig, batch: int, size: int) -> dict[str, dict[str, Callable[[], Any]]]:
    """pass → whose → what to time."""
    head, sides = RTDETR(STAGES, CLASSES, config), torch.rand(batch, OBJECTS, 2) * 0.3 + 0.02
    features = {one.name: torch.randn(batch, one.channels, size // one.stride, size // one.stride) for one in STAGES}
    images, model = torch.zeros(batch, 3, 1, 1), reference(head, features, CLASSES)
    boxes = torch.cat((torch.rand(batch, OBJECTS, 2) * 0.6 + 0.2, sides), dim=2)
    names = torch.randint(CLASSES, (batch, OBJECTS))
    corners = torch.cat((boxes[..., :2] - sides / 2, boxes[..., :2] + sides / 2), dim=2) * size
    targets = torch.cat((names[..., None], corners, torch.zeros(batch, OBJECTS, 2)), dim=2)
    labels = [{"class_labels": one, "boxes": rows} for one, rows in zip(names, boxes, strict=True)]

    def ours_found() -> None:
        with torch.no_grad():
            best(head.eval()(features, (size, size)), 100, 0.05)

    def theirs_found() -> None:
        with torch.no_grad():
            model.eval()(images)

    def ours_learn() -> None:
        torch.stack([*head.train().losses(features, (size, size), targets).values()]).sum().backward()

    def theirs_learn() -> None:
        model.train()(images, labels=labels).loss.backward()

    return {
        "inference": {"transformers": theirs_found, "plusx": ours_found},
        "training": {"transformers": theirs_learn, "plusx": ours_learn},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--cpu-time", action="store_true", help="of the process; with OMP_NUM_THREADS=1, busy machine")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    for name, config in {"R18": RTDETRConfig(depth=3, expansion=0.5), "R50": RTDETRConfig()}.items():
        for title, runs in passes(config, arguments.batch, arguments.size).items():
            seconds = interleaved(runs, arguments.rounds, clock=clock)
            print(f"{name}, {title}\n{table(seconds, 'transformers')}", flush=True)


if __name__ == "__main__":
    main()
