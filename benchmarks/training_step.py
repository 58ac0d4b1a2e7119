"""One training step in the same plain loop: plusx's networks beside torchvision's and timm's.

224 pixels, batch 32, fp32, contiguous, SGD with momentum. The limit is the convolutions, which all three share; what
can differ is what stands around them.

Run: python benchmarks/training_step.py [--rounds 11] [--models resnet18 resnet50]
"""

import argparse
from collections.abc import Callable

import timm
import torch
import torchvision
from torch import nn

from plusx.weights.create import create_model
from side_by_side import interleaved, table


def step(model: nn.Module, images: torch.Tensor, targets: torch.Tensor) -> Callable[[], None]:
    """Forward, backward and update on the same batch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    model.train()

    def run() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), targets).backward()
        optimizer.step()
        if images.is_cuda:
            torch.cuda.synchronize()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--models", nargs="+", default=["resnet18", "resnet50"])
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = torch.randn(arguments.batch, 3, 224, 224, device=device)
    targets = torch.randint(1000, (arguments.batch,), device=device)
    for name in arguments.models:
        models = {
            "torchvision": torchvision.models.get_model(name),
            "timm": timm.create_model(name),
            "plusx": create_model(name),
        }
        steps = {library: step(model.to(device), images, targets) for library, model in models.items()}
        seconds = interleaved(steps, arguments.rounds)
        print(f"\n{name}, batch {arguments.batch}, {device}, {torch.get_num_threads()} threads")
        print(table(seconds, "torchvision"))


if __name__ == "__main__":
    main()
