"""timm's own parts put together as its train.py does, with the defaults of that script (huggingface/pytorch-image-
models, train.py): SGD with momentum 0.9, rate 0.1 for 256 images and less in proportion, weight decay 2e-5, cosine
after 5 epochs of warm-up, batches of 128, label smoothing 0.1, colour jitter 0.4, crops from 0.08 of the area.

Where there are fewer than 15 epochs, a third of them warm up. 128 images are a quarter of these sets: batches of 32 do
better on them, and are what is run, with the rate in proportion.
"""

from typing import Any, cast

import timm
import torch
from timm.data import create_loader, create_transform
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler

from recipes.job import Job, Predict, main
from recipes.listed import Listed, outputs, with_weights

BATCH = 32


def train(job: Job, epochs: int) -> Predict:
    """ResNet-18 at 224 pixels."""
    assert job.contest.kind == "classify", "train.py is for one class out of several"
    torch.manual_seed(job.seed)
    model = with_weights(timm.create_model("resnet18", num_classes=len(job.contest.classes)), job.weights)
    loader = create_loader(
        cast(Any, Listed(job.contest.train)),
        input_size=(3, 224, 224),
        batch_size=BATCH,
        is_training=True,
        use_prefetcher=False,
        scale=(0.08, 1.0),
        ratio=(3 / 4, 4 / 3),
        hflip=0.5,
        color_jitter=0.4,
        interpolation="random",
        num_workers=2,
        persistent_workers=True,
        device=torch.device("cpu"),
    )
    optimizer = create_optimizer_v2(model, opt="sgd", lr=0.1 * BATCH / 256, weight_decay=2e-5, momentum=0.9)
    warmup = min(5, epochs // 3)
    schedule = CosineLRScheduler(optimizer, t_initial=epochs, warmup_t=warmup, warmup_lr_init=1e-5)
    measured = LabelSmoothingCrossEntropy(0.1)
    for epoch in range(epochs):
        schedule.step(epoch)
        model.train()
        for images, targets in loader:
            optimizer.zero_grad()
            measured(model(images), targets).backward()
            optimizer.step()
    return lambda images: outputs(model, images, cast(Any, create_transform((3, 224, 224), is_training=False)))


if __name__ == "__main__":
    main(train)
