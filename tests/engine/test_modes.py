from typing import Any

import pytest
import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.engine import modes


def total_loss(task: Any, images: Tensor) -> Tensor:
    return torch.stack([*task(images, torch.zeros(len(images), dtype=torch.int64)).values()]).sum()


def test_a_frozen_backbone_moves_nothing_and_records_nothing(tiny: Any) -> None:
    task = tiny.seeded()
    before = {name: value.clone() for name, value in task.backbone.state_dict().items()}
    modes.set_phase(task, list(task.parameters()), stages=0, frozen_norm=False)
    images = torch.randn(4, 3, 8, 8)
    assert not task.backbone(images)["conv2"].requires_grad
    total_loss(task, images).backward()
    assert all(parameter.grad is None for parameter in task.backbone.parameters())
    assert all(parameter.grad is not None for parameter in task.head.parameters())
    assert all(torch.equal(value, before[name]) for name, value in task.backbone.state_dict().items())


def test_unfreezing_brings_back_only_what_learnt_before(tiny: Any) -> None:
    task = tiny.seeded()
    task.backbone.conv1.requires_grad_(False)
    learning = [parameter for parameter in task.parameters() if parameter.requires_grad]
    modes.set_phase(task, learning, stages=0, frozen_norm=False)
    modes.set_phase(task, learning, stages=2, frozen_norm=False)
    assert [parameter.requires_grad for parameter in task.parameters()] == [False] * 4 + [True] * 6
    assert all(module.training for module in task.modules())


def test_frozen_norms_keep_statistics_and_still_learn(tiny: Any) -> None:
    task = tiny.seeded()
    modes.set_phase(task, list(task.parameters()), stages=2, frozen_norm=True)
    norm = task.backbone.conv1[1]
    total_loss(task, torch.randn(4, 3, 8, 8)).backward()
    assert torch.equal(norm.running_mean, torch.zeros(4))
    assert norm.weight.grad is not None
    assert task.backbone.conv1[0].training


def test_modes_come_back_also_after_an_error(tiny: Any) -> None:
    task = tiny.seeded()
    task.backbone.conv2.eval()
    before = [module.training for module in task.modules()]
    with pytest.raises(InputError, match="the network takes 3"), modes.preserved_modes(task):
        task.train()(torch.zeros(2, 4, 8, 8))
    assert [module.training for module in task.modules()] == before


def test_running_statistics_only_inside(tiny: Any) -> None:
    task = tiny.seeded()
    norms = modes.batch_norms(task)
    norms[1].eval()
    with modes.running_statistics(norms):
        assert not any(norm.training for norm in norms)
    assert [norm.training for norm in norms] == [True, False]


def test_small_batch_note(tiny: Any) -> None:
    task = tiny.seeded()
    assert modes.small_batch_note(task, 8) is None
    assert "batches of 7 images" in (modes.small_batch_note(task, 7) or "")
    assert modes.small_batch_note(task.eval(), 2) is None
    assert modes.small_batch_note(tiny.seeded(batch_norm=False), 1) is None
