"""The recipe that `fit` takes by itself, beside other recipes and without each of its parts; the same epochs for all.

ResNet-18 on real sets, placed alike in every run (bf16, channels last), so that other programs on the machine change
seconds and nothing else. Every run keeps its best epoch by a fifth of the training images; scored are images that it
has not seen: accuracy in %, mean absolute error (bccd, nuclei), mean average precision in % (coco).

Run: python benchmarks/default_recipe.py SHARED_DATA SET EPOCHS SEEDS [--recipes paper,a3] [--without mixup,crops]
     [--weights CHECKPOINT]
"""

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from plusx.data.augment.combine import InTurn
from plusx.engine.optimizers.sgd import SGD
from plusx.workflows.recipes.every import RECIPES
from plusx.workflows.recipes.recipe import Facts, Recipe
from recipes.job import Job, score
from recipes.plusx_defaults import train
from recipes.sets import SETS, Contest

Change = Callable[[Recipe], Recipe]


def _plan(**changes: Any) -> Change:
    return lambda recipe: replace(recipe, plan=replace(recipe.plan, **changes))


def _transform(**changes: Any) -> Change:
    return lambda recipe: replace(recipe, transform=replace(recipe.transform, **changes))


def _no_warmup(recipe: Recipe) -> Recipe:
    return _plan(schedule=replace(recipe.plan.schedule, warmup=0.0))(recipe)


PARTS: Mapping[str, Change] = {
    "mixup": lambda recipe: replace(recipe, augment=InTurn(())),
    "smoothing": lambda recipe: replace(recipe, label_smoothing=0.0),
    "crops": _transform(scale=(1.0, 1.0)),
    "colour": _transform(brightness=0.0, contrast=0.0, saturation=0.0),
    "warmup": _no_warmup,
    "optimizer": _plan(optimizer=SGD(rate=0.05, weight_decay=5e-4)),  # this one in its place
    "frozen": _plan(frozen_epochs=0),
    "decay": _plan(stage_decay=1.0),
    "clip": _plan(clip=None),
}
"""What becomes of the default where a part is left out."""


def default_without(part: str | None, pretrained: bool) -> Any:
    """A context in which the default has this part no more."""
    if part is None:
        return nullcontext()
    name = "finetune" if pretrained else "scratch-small"
    whole = RECIPES[name]

    def without(facts: Facts) -> Recipe:
        recipe = PARTS[part](whole(facts))
        if recipe == whole(facts):
            raise SystemExit(f"{name} has no {part} here to leave out")
        return recipe

    return patch.dict(RECIPES._entries, {name: without})


def run(contest: Contest, epochs: int, seed: int, weights: Path | None, recipe: str | None) -> tuple[float, float]:
    """Score, and seconds of the call."""
    placed: dict[str, Any] = {"precision": "bf16", "channels_last": "yes", "workers": 1}
    with tempfile.TemporaryDirectory() as work:
        began = time.perf_counter()
        predict = train(Job(contest, seed, weights, Path(work), recipe), epochs, **placed)
        took = time.perf_counter() - began
        return score(contest, predict([path for path, _ in contest.test])), took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("set", choices=list(SETS))
    parser.add_argument("epochs", type=int)
    parser.add_argument("seeds", type=int)
    parser.add_argument("--recipes", default="")
    parser.add_argument("--without", default="")
    parser.add_argument("--weights", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    parts = [part for part in arguments.without.split(",") if part]
    names = [name for name in arguments.recipes.split(",") if name]
    alternatives = {"the default": (None, None)}
    alternatives |= {f"without {part}": (part, None) for part in parts} | {name: (None, name) for name in names}
    one = partial(run, SETS[arguments.set](arguments.shared), arguments.epochs)
    print("| set, epochs | what | score | spread | of each seed | mean s |\n|---|---|---|---|---|---|", flush=True)
    for what, (part, recipe) in alternatives.items():
        with default_without(part, arguments.weights is not None):
            runs = [one(seed, arguments.weights, recipe) for seed in range(arguments.seeds)]
        scores, seconds = zip(*runs, strict=True)
        spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
        cells = [f"{arguments.set}, {arguments.epochs}", what, f"{statistics.mean(scores):.2f}", f"{spread:.2f}"]
        cells += [" ".join(f"{one:.1f}" for one in scores), f"{statistics.mean(seconds):.0f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
