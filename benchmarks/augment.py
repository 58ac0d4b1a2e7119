"""Images a second that a policy changes on one core: whole batches (plusx) beside torchvision's transforms v2, image by
image, on Pillow images (as a data loader has them before they become tensors) and on tensors.

Photos of ../shared/data/clothing at SIDE × SIDE (noise where they are absent). Seconds are CPU seconds of the process.
What torchvision's Pillow way costs beyond the policy, the way to a tensor, is counted, as there is no batch without it.

Run: OMP_NUM_THREADS=1 python benchmarks/augment.py [--side 224] [--rounds 5] [--operations]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from plusx.data.augment.pixels.affine import NEAREST
from plusx.data.augment.pixels.augmix import AugMix
from plusx.data.augment.pixels.auto_augment import AutoAugment
from plusx.data.augment.pixels.operations import NAMES, perform
from plusx.data.augment.pixels.pixel_augment import PixelAugment
from plusx.data.augment.pixels.rand_augment import RandAugment
from plusx.data.augment.pixels.trivial_augment import TrivialAugment
from side_by_side import interleaved

COUNT = 64
PHOTOS = Path(__file__).resolve().parents[2] / "shared/data/clothing"
POLICIES: dict[str, tuple[PixelAugment, Callable[[Any], Any]]] = {
    "RandAugment": (RandAugment(), v2.RandAugment()),
    "TrivialAugment": (TrivialAugment(), v2.TrivialAugmentWide()),
    "AutoAugment": (AutoAugment(), v2.AutoAugment()),
    "AugMix": (AugMix(), v2.AugMix()),
}


def photos(side: int) -> Tensor:
    """uint8 COUNT, 3, side, side."""
    files = sorted(PHOTOS.rglob("*.jpg"))[:COUNT]
    if len(files) < COUNT:
        return torch.randint(0, 256, (COUNT, 3, side, side), dtype=torch.uint8)
    return torch.stack([tv.pil_to_tensor(Image.open(file).convert("RGB").resize((side, side))) for file in files])


def candidates(images: Tensor, name: str) -> dict[str, Callable[[], None]]:
    """One policy in three ways, the whole batch each."""
    ours, theirs = POLICIES[name]
    pictures = [tv.to_pil_image(image) for image in images]
    generator = torch.Generator().manual_seed(0)
    return {
        "plusx": lambda: void(ours.apply(images, generator)),
        "torchvision, Pillow": lambda: void(torch.stack([tv.pil_to_tensor(theirs(one)) for one in pictures])),
        "torchvision, tensors": lambda: void(torch.stack([theirs(one) for one in images])),
    }


def void(_: object) -> None:
    """Throws a result away."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--operations", action="store_true", help="also ms an image of every operation")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = photos(args.side)
    print(f"{COUNT} images of {args.side}×{args.side}, images/s: " + ", ".join(candidates(images, "RandAugment")))
    for name in POLICIES:
        seconds = interleaved(candidates(images, name), args.rounds, clock=time.process_time)
        rates = [COUNT / statistics.median(times) for times in seconds.values()]
        print(f"| {name} | " + " | ".join(f"{rate:.0f}" for rate in rates) + " |")
    for name in NAMES if args.operations else ():
        seconds = interleaved({name: partial(alone, images, name)}, args.rounds, clock=time.process_time)
        print(f"{name}: {1000 * statistics.median(seconds[name]) / COUNT:.3f} ms")


def alone(images: Tensor, name: str) -> None:
    """One operation for all."""
    perform(images, [name] * COUNT, np.full(COUNT, 0.7), NEAREST)


if __name__ == "__main__":
    main()
