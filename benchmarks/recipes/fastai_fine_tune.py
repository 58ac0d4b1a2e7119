"""fastai as its guides say: `vision_learner` with ResNet-18, `aug_transforms`, and `fine_tune`; from random weights
`fit_one_cycle`. Rates, batches (64) and sizes (224 out of 460) are its own.

fastai has no place among the project's dependencies: run this with a Python that has it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torchvision
from fastai.vision.all import (
    CategoryBlock,
    DataBlock,
    ImageBlock,
    MultiCategoryBlock,
    RandomSplitter,
    RegressionBlock,
    Resize,
    aug_transforms,
    set_seed,
    vision_learner,
)
from fastai.vision.learner import model_meta
from numpy.typing import NDArray

from recipes.job import Job, Predict, main
from recipes.listed import with_weights
from recipes.sets import said


def train(job: Job, epochs: int) -> Predict:
    """A fifth of the images validates, as its guides have it."""
    set_seed(job.seed)
    contest = job.contest
    block = {"classify": CategoryBlock, "regress": RegressionBlock, "multilabel": MultiCategoryBlock}[contest.kind]
    vocabulary = {} if contest.kind == "regress" else {"vocab": list(contest.classes)}
    rows = pandas.DataFrame([(path, said(contest, target)) for path, target in contest.train])
    block = DataBlock(
        blocks=(ImageBlock, block(**vocabulary)),
        get_x=lambda row: row[0],
        get_y=lambda row: _target(contest.kind, row[1]),
        splitter=RandomSplitter(0.2, seed=job.seed),
        item_tfms=Resize(460),
        batch_tfms=aug_transforms(size=224),
    )
    loaders = block.dataloaders(rows, bs=min(64, len(rows) // 2), num_workers=2)

    def resnet18(weights: Any = None, **_: Any) -> Any:
        return with_weights(torchvision.models.resnet18(), job.weights)

    model_meta[resnet18] = model_meta[torchvision.models.resnet18]
    number = {"n_out": 1} if contest.kind == "regress" else {}
    learner = vision_learner(loaders, resnet18, pretrained=job.weights is not None, path=job.work, **number)
    with learner.no_bar(), learner.no_logging():
        if job.weights is None:
            learner.unfreeze()
            learner.fit_one_cycle(epochs)
        else:
            learner.fine_tune(epochs)

    def predict(images: Sequence[Path]) -> NDArray[np.float64]:
        with learner.no_bar():
            found, _ = learner.get_preds(dl=loaders.test_dl(pandas.DataFrame([(path, "") for path in images])))
        return found.double().numpy()

    return predict


def _target(kind: str, text: str) -> Any:
    match kind:
        case "regress":
            return float(text)
        case "multilabel":
            return [name for name in text.split(";") if name]
    return text


if __name__ == "__main__":
    main(train)
