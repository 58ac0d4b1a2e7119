"""Detection and segmentation networks beside torchvision's and segmentation_models_pytorch's on the same backbone.

One inference pass and one training step without the optimizer, all alternatives in turn; a ratio is the median over
the rounds, below 1 plusx is faster. What all share is the backbone.

Run: OMP_NUM_THREADS=1 python benchmarks/dense.py --cpu-time [--rounds 5] [--batch 2] [--size 192] [--only unet]
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from typing import Any, final

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models import detection, segmentation
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

from plusx.core.task import Task
from plusx.nn.detection.ssd import SSD, STYLES
from plusx.tasks.create import create, output_stride
from plusx.weights.create import create_backbone
from side_by_side import interleaved

CLASSES = 20
NAMES = [str(number) for number in range(CLASSES)]


def ours(task: str, head: str, backbone: str) -> Task:
    stride = output_stride(task, head)
    return create(task, create_backbone(backbone, output_stride=stride), {"classes": NAMES, "head": head})


def theirs_segmentation(name: str) -> nn.Module:
    return segmentation.__dict__[name](weights=None, weights_backbone=None, num_classes=CLASSES)


SEGMENTATION: dict[str, tuple[str, str, str, Callable[[], nn.Module]]] = {
    "fcn": ("fcn", "resnet50", "torchvision", lambda: theirs_segmentation("fcn_resnet50")),
    "deeplabv3": ("deeplabv3", "resnet50", "torchvision", lambda: theirs_segmentation("deeplabv3_resnet50")),
    "unet": ("unet", "resnet18", "smp", lambda: smp.Unet("resnet18", encoder_weights=None, classes=CLASSES)),
    "deeplabv3+": (
        "deeplabv3+",
        "resnet18",
        "smp",
        lambda: smp.DeepLabV3Plus("resnet18", encoder_weights=None, classes=CLASSES),
    ),
}


def segmentation_passes(name: str, images: Tensor) -> dict[str, dict[str, Callable[[], Any]]]:
    """pass → whose → what to time."""
    head, backbone, library, make = SEGMENTATION[name]
    mine, other = ours("segment", head, backbone), make()
    masks = torch.randint(0, CLASSES, (len(images), *images.shape[2:]), dtype=torch.uint8)

    def logits(model: nn.Module) -> Tensor:
        found = model(images)
        return found["out"] if isinstance(found, dict) else found

    def loss(model: nn.Module) -> Tensor:
        if model is mine:
            return torch.stack([*mine(images, masks).values()]).sum()
        return nn.functional.cross_entropy(logits(model), masks.long())

    return both({"plusx": mine, library: other}, logits, loss)


@final
class Maps(nn.Module):
    """torchvision's ResNet-18 with layers behind it: what torchvision's SSD takes for its backbone."""

    def __init__(self, extras: nn.ModuleList) -> None:
        super().__init__()
        names = {"layer2": "layer2", "layer3": "layer3", "layer4": "layer4"}
        self.body = IntermediateLayerGetter(models.resnet18(weights=None), names)
        self.extras = extras

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.body(images)
        for number, extra in enumerate(self.extras):
            maps[f"extra{number}"] = extra([*maps.values()][-1])
        return maps


def theirs_faster_rcnn(mine: Task, size: int) -> nn.Module:
    """torchvision resizes images to what `min_size` says, so that is the images' own size."""
    backbone = detection.backbone_utils.resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, trainable_layers=5, norm_layer=nn.BatchNorm2d
    )
    return detection.FasterRCNN(backbone, CLASSES + 1, min_size=size, max_size=size)


def theirs_ssd(mine: Task, size: int) -> nn.Module:
    head, style = mine.head, STYLES[300]
    assert isinstance(head, SSD)
    ratios = [[int(ratio) for ratio in one] for one in style.ratios]
    boxes = DefaultBoxGenerator(ratios, scales=list(style.scales))
    maps, predictor = Maps(copy.deepcopy(head.extras)), copy.deepcopy(head.head)
    return detection.ssd.SSD(
        maps,
        boxes,
        (size, size),
        CLASSES + 1,
        head=predictor,
        score_thresh=0.05,
        nms_thresh=0.6,
        detections_per_img=100,
    )


DETECTION = {"faster-rcnn": theirs_faster_rcnn, "ssd": theirs_ssd}


def detection_passes(name: str, images: Tensor) -> dict[str, dict[str, Callable[[], Any]]]:
    mine = ours("detect", name, "resnet18")
    other = DETECTION[name](mine, images.shape[2])
    same_weights(mine, other)  # what is proposed depends on them, and the time on what is proposed
    corners = torch.tensor([[10.0, 10, 60, 70], [50, 40, 120, 110], [80, 80, 150, 160]])
    rows = torch.cat((torch.tensor([[1.0], [2], [3]]), corners, torch.zeros(3, 1), torch.full((3, 1), 100.0)), dim=1)
    targets = rows.expand(len(images), -1, -1)
    dicts = [{"boxes": corners, "labels": torch.tensor([2, 3, 4])} for _ in images]

    def answers(model: nn.Module) -> Any:
        return mine.decode(mine(images)) if model is mine else model([*images])

    def loss(model: nn.Module) -> Tensor:
        losses = mine(images, targets) if model is mine else model([*images], dicts)
        return torch.stack([*losses.values()]).sum()

    return both({"plusx": mine, "torchvision": other}, answers, loss)


def same_weights(source: nn.Module, target: nn.Module) -> None:
    """All tensors, which stand in the same order in both."""
    values = source.state_dict().values()
    target.load_state_dict(dict(zip(target.state_dict(), values, strict=True)))


def both(
    models: dict[str, nn.Module], answers: Callable[[nn.Module], Any], loss: Callable[[nn.Module], Tensor]
) -> dict[str, dict[str, Callable[[], Any]]]:
    def inference(model: nn.Module) -> None:
        with torch.no_grad():
            answers(model.eval())

    def training(model: nn.Module) -> None:
        loss(model.train()).backward()

    passes = {"inference": inference, "training": training}
    return {
        title: {whose: (lambda model=model, kind=kind: kind(model)) for whose, model in models.items()}
        for title, kind in passes.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[*SEGMENTATION, *DETECTION])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--cpu-time", action="store_true", help="of the process; with OMP_NUM_THREADS=1, busy machine")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_flush_denormal(True)  # random weights may leave values so small that processors get slow
    images = torch.randn(arguments.batch, 3, arguments.size, arguments.size)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    every: dict[str, list[float]] = {}
    print("| | pass | beside | plusx s | ratio |\n|---|---|---|---|---|")
    for name in arguments.only:
        passes = detection_passes(name, images) if name in DETECTION else segmentation_passes(name, images)
        for title, runs in passes.items():
            seconds = interleaved(runs, arguments.rounds, warmup=1, clock=clock)
            mine = seconds.pop("plusx")
            for library, theirs in seconds.items():
                ratio = statistics.median(map(float.__truediv__, mine, theirs))
                every.setdefault(title, []).append(ratio)
                print(f"| {name} | {title} | {library} | {statistics.median(mine):.3f} | {ratio:.3f} |", flush=True)
    for title, found in every.items():
        print(f"{title}: geometric mean {statistics.geometric_mean(found):.3f}, largest {max(found):.3f}")


if __name__ == "__main__":
    main()
