"""The contract of every task: walks the registry."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.task import TASKS
from plusx.tasks.create import TASK_OF_KIND, create


@dataclass(frozen=True)
class Example:
    """A configuration, and targets of a batch of 4 images that the task has to be able to learn by heart."""

    config: dict[str, Any]
    targets: Tensor


EXAMPLES = {
    "classify": Example(
        {"classes": ["ant", "bee", "cat"], "dropout": 0.0, "label_smoothing": 0.0, "class_weights": [1.0, 0.5, 2.0]},
        torch.tensor([0, 1, 2, 1]),
    ),
    "multilabel": Example(
        {
            "classes": ["ant", "bee", "cat"],
            "threshold": 0.5,
            "dropout": 0.0,
            "label_smoothing": 0.0,
            "positive_weights": [1.0, 2.0, 3.0],
        },
        torch.tensor([[0.0, 0, 0], [1, 0, 1], [0, 1, 0], [1, 1, 1]]),
    ),
    "regress": Example(
        {"columns": ["age", "price"], "mean": [40.0, 9e4], "std": [20.0, 5e4], "dropout": 0.0},
        torch.tensor([[20.0, 1e4], [40.0, 2e5], [60.0, 5e4], [80.0, 1e5]]),
    ),
    "detect": Example(
        {
            "classes": ["ant", "bee", "cat"],
            "head": "yolo",
            "head_settings": {"strides": [2, 4], "channels": 16},
            "suppression": "greedy",
            "iou": 0.6,
            "sigma": 0.5,
            "least": 0.05,
            "threshold": 0.25,
            "detections": 10,
        },
        torch.tensor([[[c, 4, 4 + c, 28, 28, 0, 500.0]] for c in (0, 1, 2, 1)]),
    ),
    "segment": Example(
        {
            "classes": ["ant", "bee", "cat"],
            "head": "deeplabv3",
            "rates": None,
            "losses": ["cross-entropy"],
            "auxiliary": False,
            "dropout": 0.0,
            "class_weights": [1.0, 0.5, 2.0],
        },
        torch.tensor([0, 1, 2, 1], dtype=torch.uint8)[:, None, None].expand(4, 32, 32),
    ),
}

EXAMPLES["multilabel-segment"] = Example(
    {**EXAMPLES["segment"].config, "losses": ["cross-entropy", "dice"], "threshold": 0.4},
    EXAMPLES["multilabel"].targets.to(torch.uint8)[:, :, None, None].expand(4, 3, 32, 32),
)

every_task = pytest.mark.parametrize("name", list(TASKS))


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@every_task
def test_there_is_an_example(name: str) -> None:
    assert name in EXAMPLES, f"add an example for the new task {name} to this file: the tests below need targets"


@pytest.mark.parametrize("name", [name for name in TASKS if name != "detect"])  # its heads have tests of their own
def test_overfits_one_batch(name: str, backbone: Backbone, images: Tensor) -> None:
    task = create(name, backbone, EXAMPLES[name].config)
    optimizer = torch.optim.Adam(task.parameters(), lr=0.02)
    first = last = float("inf")
    for step in range(60):
        losses = task(images, EXAMPLES[name].targets)
        loss = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        first, last = (loss.item(), loss.item()) if step == 0 else (first, loss.item())
    assert last < 0.02 * first
    with torch.no_grad():
        metrics = task.metrics()
        metrics.update(task(images), EXAMPLES[name].targets)
    value = metrics.compute()[metrics.primary]
    assert value > 0.99 if metrics.higher_is_better else value < 0.1


@every_task
def test_config_is_json_that_builds_an_equal_task(name: str, backbone: Backbone, images: Tensor) -> None:
    task = create(name, backbone, EXAMPLES[name].config)
    assert task.config() == EXAMPLES[name].config
    again = create(name, backbone, task.config())
    again.load_state_dict(task.state_dict())
    assert torch.equal(task.decode(task(images)), again.decode(again(images)))


@every_task
def test_state_holds_backbone_and_head_only(name: str, backbone: Backbone) -> None:
    task = create(name, backbone, EXAMPLES[name].config)
    assert {key.split(".")[0] for key in task.state_dict()} == {"backbone", "head"}


@every_task
@pytest.mark.filterwarnings("ignore:`create_unbacked_symint` is deprecated:FutureWarning")  # in torchvision's nms
def test_exports_with_any_batch_size(name: str, backbone: Backbone, images: Tensor) -> None:
    class Decoded(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.task = create(name, backbone, EXAMPLES[name].config)

        def forward(self, images: Tensor) -> Tensor:
            return self.task.decode(self.task(images))

    module = Decoded().eval()
    exported = torch.export.export(module, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for batch in (images, images[:3]):
        torch.testing.assert_close(exported.module()(batch), module(batch))


@every_task
def test_predictions_are_named_and_plain(name: str, backbone: Backbone, images: Tensor) -> None:
    task = create(name, backbone, EXAMPLES[name].config)
    predictions = task.predict(task(images), ["a.jpg", "b.jpg", "c.jpg", "日本.jpg"])
    assert [p.to_json()["image"] for p in predictions] == ["a.jpg", "b.jpg", "c.jpg", "日本.jpg"]
    assert task.predict(task(images[:0]), []) == []


@every_task
def test_losses_are_in_32_bits_under_autocast(name: str, backbone: Backbone, images: Tensor) -> None:
    task = create(name, backbone, EXAMPLES[name].config)
    with torch.autocast("cpu", torch.bfloat16):
        assert task(images).dtype == (torch.float32 if name == "detect" else torch.bfloat16)  # boxes need more digits
        assert {loss.dtype for loss in task(images, EXAMPLES[name].targets).values()} == {torch.float32}
        assert task.decode(task(images)).dtype in (torch.float32, torch.float64, torch.int64, torch.bool)


@every_task
def test_details_come_with_metrics(name: str, backbone: Backbone, images: Tensor) -> None:
    metrics = create(name, backbone, EXAMPLES[name].config).metrics()
    metrics.update(create(name, backbone, EXAMPLES[name].config)(images), EXAMPLES[name].targets)
    details = metrics.details()
    assert details.classes or details.pairs


def test_unknown_task_names_the_nearest(backbone: Backbone) -> None:
    with pytest.raises(InputError, match=r"Unknown task 'clasify'. Did you mean classify"):
        create("clasify", backbone, {"classes": ["a"]})


def test_every_kind_of_target_has_a_task() -> None:
    assert set(TASK_OF_KIND.values()) <= set(TASKS)
