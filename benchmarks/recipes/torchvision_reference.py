"""The reference settings of torchvision (pytorch/vision, references/classification/train.py and presets.py): SGD with
momentum 0.9, rate 0.1 for the 8 × 32 images of its command line and less in proportion, weight decay 1e-4, divided by
10 after each third of the epochs (30 of 90), random-resized crops and flips.
"""

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torchvision.models import resnet18
from torchvision.transforms import v2

from recipes.job import Job, Predict, main
from recipes.listed import Listed, outputs, with_weights

NORMAL = (
    v2.PILToTensor(),
    v2.ToDtype(torch.float, scale=True),
    v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
)
TRAIN = v2.Compose([v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip(), *NORMAL])
TEST = v2.Compose([v2.Resize(256, antialias=True), v2.CenterCrop(224), *NORMAL])


def train(job: Job, epochs: int) -> Predict:
    """ResNet-18 at 224 pixels."""
    assert job.contest.kind == "classify", "the reference is for one class out of several"
    torch.manual_seed(job.seed)
    model = with_weights(resnet18(num_classes=len(job.contest.classes)), job.weights)
    rows = Listed(job.contest.train, TRAIN)
    loader = DataLoader(rows, batch_size=32, shuffle=True, num_workers=2, persistent_workers=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * 32 / 256, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=-(-epochs // 3), gamma=0.1)
    for _ in range(epochs):
        model.train()
        for images, targets in loader:
            optimizer.zero_grad()
            cross_entropy(model(images), targets).backward()
            optimizer.step()
        schedule.step()
    return lambda images: outputs(model, images, TEST)


if __name__ == "__main__":
    main(train)
