"""Every optimizer on real images: ResNet-20 on scikit-learn's digits, as `--optimizer` has it beside scratch-small.

    python benchmarks/optimizers.py [SEEDS]

1,437 digits of 8×8 pixels are trained on, 360 judged; 12 epochs in batches of 64, cosine with a tenth of warm-up, no
augmentation. Prints a table, writes docs/optimizers.json and draws docs/optimizers.svg and docs/optimizers.zh-CN.svg.
"""

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from plusx.backbones.create import build
from plusx.core.batch import Batch
from plusx.engine.optimizers.lookahead import Lookahead
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.sharpness import Sharpness
from plusx.engine.step import Stepper
from plusx.report.drawing import Drawing
from plusx.report.scales import Scale, logarithmic
from plusx.tasks.create import create
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.plan_settings import named_optimizer

DOCS = Path(__file__).parent.parent / "docs"
EPOCHS, BATCH = 12, 64
BASE = Plan(epochs=EPOCHS, optimizer=SGD(rate=0.05, weight_decay=5e-4), schedule=Cosine(warmup=0.1))
NAMES: tuple[Any, ...] = ("sgd", "adamw", "lamb", "lion", "muon", "rmsprop")
TITLES = {"sgd": "SGD", "adamw": "AdamW", "lamb": "LAMB", "lion": "Lion", "muon": "Muon", "rmsprop": "RMSprop (TF)"}
PLANS = {TITLES[name]: replace(BASE, optimizer=named_optimizer(FitSettings(optimizer=name), BASE)) for name in NAMES}
PLANS["SGD + SAM 0.05"] = replace(BASE, sharpness=Sharpness(0.05))
PLANS["SGD + Lookahead"] = replace(BASE, lookahead=Lookahead())
STYLE = """
svg { --page: #ffffff; --rim: #d8dde3; --ink: #24292f; --soft: #57606a; --faint: #d3d9e0; --own: #1f66b5;
  font-family: system-ui, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
@media (prefers-color-scheme: dark) { svg { --page: #161b22; --rim: #30363d; --ink: #e6edf3; --soft: #9aa5b1;
  --faint: #39414b; --own: #6cb0f5; } }
.card { fill: var(--page); stroke: var(--rim); }
text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.heading { fill: var(--ink); font-size: 14px; font-weight: 600; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.axis { stroke: var(--soft); }
polyline { fill: none; stroke-linejoin: round; }
.other { stroke: var(--faint); } .own { stroke: var(--own); stroke-width: 2.4; }
"""
WORDS = {"": ("training loss (logarithmic)", "epoch"), ".zh-CN": ("训练损失（对数坐标）", "轮次")}


def digits() -> tuple[Tensor, Tensor]:
    """Images 1,797 × 1 × 8 × 8 in -1..1, and what they show."""
    pixels, shown = load_digits(return_X_y=True)
    return torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8) / 8 - 1, torch.tensor(shown)


def batches(images: Tensor, shown: Tensor, epoch: int, seed: int) -> Iterator[Batch]:
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1000 * seed + epoch))
    for chosen in order.split(BATCH):
        yield Batch(images[chosen], shown[chosen], tuple(map(str, chosen.tolist())), chosen)


def trained(plan: Plan, seed: int) -> dict[str, Any]:
    """Mean training loss of every epoch, and the share of the judged digits that it reads."""
    torch.manual_seed(seed)
    task = create("classify", build("resnet20", in_channels=1), {"classes": [str(digit) for digit in range(10)]})
    images, shown = digits()
    apart = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    learned, judged = apart[360:], apart[:360]
    made = Stepper(task, plan, Placement(torch.device("cpu")), lambda batch, _: batch)
    losses, step = [], 0
    steps = -(-len(learned) // BATCH)
    for epoch in range(EPOCHS):
        made.begin_epoch(epoch)
        total = 0.0
        for number, batch in enumerate(batches(images[learned], shown[learned], epoch, seed)):
            found = made.step([batch], Position(epoch, number, step), plan.factor(step, steps))
            total += sum(found.values()) * len(batch)
            step += 1
        losses.append(total / len(learned))
    task.eval()
    with torch.no_grad():
        right = (task(images[judged]).argmax(1) == shown[judged]).float().mean().item()
    return {"losses": [round(loss, 5) for loss in losses], "accuracy": right}


def picture(found: Mapping[str, Sequence[Mapping[str, Any]]], words: tuple[str, str]) -> str:
    """A panel for each: its median over the seeds before those of all others."""
    drawing = Drawing(880, 470, words[0])
    drawing.box((0.5, 0.5), (879, 469), "card")
    curves = {name: [statistics.median(at) for at in zip(*(run["losses"] for run in runs), strict=True)]
              for name, runs in found.items()}  # fmt: skip
    drawing.text((24, 28), words[0], "heading")
    for place, name in enumerate(curves):
        left, top = 62 + 208 * (place % 4), 64 + 208 * (place // 4)
        x = Scale(1, EPOCHS, left, left + 172)
        y = logarithmic([value for curve in curves.values() for value in curve], top + 140, top)
        drawing.text((left, top - 8), name, "heading")
        for value, label in y.ticks():
            if place % 4 == 0:
                drawing.text((left - 6, y(value) + 4), label, "end")
        drawing.line((left, top + 140), (left + 172, top + 140), "axis")
        for epoch in (1, EPOCHS):
            drawing.text((x(epoch), top + 156), str(epoch), "middle")
        drawing.text((left + 86, top + 156), words[1], "middle")
        for other in (*(one for one in curves if one != name), name):
            drawing.path([(x(k), y(v)) for k, v in enumerate(curves[other], 1)], "own" if other == name else "other")
    root = ElementTree.fromstring(drawing.markup())
    root.set("xmlns", "http://www.w3.org/2000/svg")
    style = ElementTree.Element("style")
    style.text = STYLE
    root.insert(0, style)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def main() -> None:
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in PLANS}
    for seed in seeds:
        for name, plan in PLANS.items():
            found[name].append(trained(plan, seed))
            print(seed, name, found[name][-1], flush=True)
    for name, runs in found.items():
        rights = [100 * run["accuracy"] for run in runs]
        last = statistics.median(run["losses"][-1] for run in runs)
        spread = statistics.stdev(rights) if len(rights) > 1 else 0.0
        print(
            f"| {name} | {PLANS[name].optimizer.rate:g} | {last:.4f} | {statistics.mean(rights):.2f} ± {spread:.2f} |"
        )
    (DOCS / "optimizers.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    for language, words in WORDS.items():
        (DOCS / f"optimizers{language}.svg").write_text(picture(found, words), encoding="utf-8")


if __name__ == "__main__":
    main()
