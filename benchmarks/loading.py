"""Images per second from JPEG files to uint8 batches on one core: plusx beside torchvision's transforms v2.

The limit is the decoder: no pipeline that decodes whole files is faster than `decode alone`, Pillow to an RGB array.
`kept decoded` is every epoch from the second on of `fit --cache decoded` (crops of 0.35 of the area and more, as in
the recipes of `fit`; the others' are 0.08 and more).

500×375 pixels at quality 90 is the usual size of photos in data sets; 4000×3000 is what telephones write, where
training lets the decoder leave out what the crop does not need.

Run: python benchmarks/loading.py [--rounds 11]   (needs ../shared/data/coco-permissive; about a minute and a half)
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import default_collate
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from plusx.core.card import Input
from plusx.core.sample import Sample
from plusx.core.targets import Label
from plusx.data.batching import Dealt
from plusx.data.encode import encoder
from plusx.data.images import read_image
from plusx.data.kept_pixels import KeptPixels, side_for
from plusx.data.loader import Loader
from plusx.data.reduced import read_reduced
from plusx.data.transforms import Crop, EvalTransform, TrainTransform, TrainTransformConfig, Transform, resize_crop
from side_by_side import interleaved

PHOTOS = Path(__file__).parents[2] / "shared" / "data" / "coco-permissive" / "images"
INPUT = Input()  # 224 pixels out of 256, bilinear
BATCH = 32


def write_photos(folder: Path, count: int, width: int, height: int) -> list[Path]:
    """Real photos at one size; sizes beyond theirs are mosaics, so that no file is smoother than a photo."""
    sources = sorted(PHOTOS.iterdir())
    paths = []
    for number in range(count):
        canvas = Image.new("RGB", (width, height))
        tiles = [(x, y) for y in range(0, height, 375) for x in range(0, width, 500)]
        for tile, place in enumerate(tiles):
            with Image.open(sources[(number + tile) % len(sources)]) as photo:
                canvas.paste(photo.convert("RGB").resize((500, 375), Image.Resampling.LANCZOS), place)
        paths.append(folder / f"{width}x{height}-{number}.jpg")
        canvas.save(paths[-1], quality=90)
    return paths


def plusx(paths: Sequence[Path], transform: Transform, kept: KeptPixels | None = None) -> Callable[[], None]:
    samples = [Sample(path, Label(0), path.name) for path in paths]
    loader = Loader(samples, transform, encode=encoder("label", 1), batching=Dealt(BATCH), kept=kept)

    def run() -> None:
        for batch in loader.epoch(0):
            assert batch.images.dtype == torch.uint8

    return run


def torchvision(paths: Sequence[Path], steps: Callable[[Image.Image], Tensor]) -> Callable[[], None]:
    def run() -> None:
        for start in range(0, len(paths), BATCH):
            images = []
            for path in paths[start : start + BATCH]:
                with Image.open(path) as image:
                    images.append(steps(image.convert("RGB")))
            assert default_collate(images).dtype == torch.uint8

    return run


def torchvision_decoder(paths: Sequence[Path], steps: Callable[[Tensor], Tensor]) -> Callable[[], None]:
    """With `torchvision.io` in the place of Pillow."""

    def run() -> None:
        for start in range(0, len(paths), BATCH):
            images = [steps(decode_image(str(path), ImageReadMode.RGB)) for path in paths[start : start + BATCH]]
            assert default_collate(images).dtype == torch.uint8

    return run


def decode_alone(paths: Sequence[Path]) -> Callable[[], None]:
    def run() -> None:
        for path in paths:
            with Image.open(path) as image:
                np.asarray(image.convert("RGB"))

    return run


def kept_decoded(paths: Sequence[Path], folder: Path) -> dict[str, Callable[[], None]]:
    """From the second epoch on; the first is done here."""
    config = TrainTransformConfig(scale=(0.35, 1.0))
    with Image.open(paths[0]) as image:
        sizes = [(image.height, image.width)] * len(paths)
    kept = KeptPixels(folder / f"kept {sizes[0]}", sizes, side_for(224, config.scale[0], config.ratio), 3)
    run = plusx(paths, TrainTransform(INPUT, config), kept)
    run()
    return {
        "training, crops of 0.35 and more: plusx": plusx(paths, TrainTransform(INPUT, config)),
        "training, crops of 0.35 and more: plusx, kept decoded": run,
    }


def training(paths: Sequence[Path], jitter: float) -> dict[str, Callable[[], None]]:
    config = TrainTransformConfig(brightness=jitter, contrast=jitter, saturation=jitter)
    parts: list[torch.nn.Module] = [v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()]
    if jitter:
        parts.append(v2.ColorJitter(jitter, jitter, jitter))
    random = v2.Compose(parts)
    name = "training, colour jitter" if jitter else "training"
    return {
        f"{name}: plusx": plusx(paths, TrainTransform(INPUT, config)),
        f"{name}: torchvision v2 on Pillow": torchvision(paths, lambda image: tv.pil_to_tensor(random(image))),
        f"{name}: torchvision v2 on tensors": torchvision(paths, lambda image: random(tv.pil_to_tensor(image))),
        f"{name}: torchvision v2, its own decoder": torchvision_decoder(paths, random),
    }


def evaluation(paths: Sequence[Path]) -> dict[str, Callable[[], None]]:
    fixed = v2.Compose([v2.Resize(256, antialias=True), v2.CenterCrop(224)])
    return {
        "evaluation: plusx": plusx(paths, EvalTransform(INPUT)),
        "evaluation: torchvision v2 on Pillow": torchvision(paths, lambda image: tv.pil_to_tensor(fixed(image))),
        "evaluation: torchvision v2 on tensors": torchvision(paths, lambda image: fixed(tv.pil_to_tensor(image))),
    }


def report(title: str, candidates: Mapping[str, Callable[[], None]], count: int, rounds: int) -> None:
    """Images per second, medians, and the median over rounds of each one's speed over `decode alone`."""
    seconds = interleaved(candidates, rounds)
    print(f"\n{title}\n\n| | images/s | of decode alone |\n|---|---|---|")
    for name, times in seconds.items():
        part = statistics.median(a / b for a, b in zip(seconds["decode alone"], times, strict=True))
        print(f"| {name} | {count / statistics.median(times):.0f} | {part:.2f} |")


def differences(paths: Sequence[Path]) -> None:
    """What reduced decoding changes in whole photos that are then resized: training leaves a factor of 2 or more."""
    print("\n| decoded at | resized by a further | mean difference, grey levels |\n|---|---|---|")
    for factor in (2, 4, 8):
        for further in (2, 3):
            found = []
            for path in paths:
                whole = read_image(path)
                reduced, _ = read_reduced(path, "RGB", lambda _height, _width, factor=factor: factor)
                size = (whole.shape[0] // factor // further, whole.shape[1] // factor // further)
                one, other = (
                    resize_crop(p, Crop(0, 0, *p.shape[:2]), replace(INPUT, size=size, resize=max(size)))
                    for p in (reduced, whole)
                )
                found.append((one.float() - other.float()).abs().mean().item())
            print(f"| 1/{factor} | 1/{further} | {statistics.mean(found):.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        small = write_photos(Path(folder), 64, 500, 375)
        candidates = {"decode alone": decode_alone(small), **training(small, 0.0), **training(small, 0.2)}
        candidates |= kept_decoded(small, Path(folder))
        report("500×375", {**candidates, **evaluation(small)}, len(small), rounds)
        large = write_photos(Path(folder), 4, 4000, 3000)
        candidates = {"decode alone": decode_alone(large), **training(large, 0.0), **evaluation(large)}
        candidates |= kept_decoded(large, Path(folder))
        report("4000×3000", candidates, len(large), max(3, rounds // 3))
        differences(large)


if __name__ == "__main__":
    main()
