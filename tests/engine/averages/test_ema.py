from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from plusx.core.errors import InputError
from plusx.engine.averages.ema import Ema


def move(task: Any) -> None:
    with torch.no_grad():
        for parameter in task.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_equal_to_a_slow_reference(tiny: Any) -> None:
    task = tiny.seeded()
    average: Any = Ema(0.9).begin(task)
    slow = {name: value.double() for name, value in task.named_parameters()}
    for n in range(120):
        move(task)
        task.backbone.conv1[1].running_mean.add_(1)
        task.backbone.conv1[1].num_batches_tracked.add_(1)
        d = min(0.9, (1 + n) / (10 + n))
        slow = {name: d * slow[name] + (1 - d) * value.double() for name, value in task.named_parameters()}
        average.after_step(task)
    for name, value in average.task.named_parameters():
        assert torch.allclose(value.double(), slow[name], rtol=1e-4, atol=1e-5)
        assert not value.requires_grad
    assert average.task.backbone.conv1[1].running_mean[0] == 120
    assert average.task.backbone.conv1[1].num_batches_tracked == 120


@pytest.mark.parametrize("every", [1, 3])
def test_without_warm_up_it_is_torchs(tiny: Any, every: int) -> None:
    task = tiny.seeded()
    average = Ema(0.9, every=every, warmup=False).begin(task)
    reference: Any = AveragedModel(task, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    reference.update_parameters(task)  # torch's first update copies
    for step in range(1, 31):
        move(task)
        average.after_step(task)
        if step % every == 0:
            reference.update_parameters(task)
    for ours, theirs in zip(average.task.parameters(), reference.module.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    assert (average.steps, average.updates) == (30, 30 // every)


def test_the_average_is_a_copy_and_its_counts_come_back(tiny: Any) -> None:
    task = tiny.seeded()
    average: Any = Ema(0.5, every=2).begin(task)
    with torch.no_grad():
        task.head[3].bias.add_(1)
    assert not torch.equal(average.task.head[3].bias, task.head[3].bias)
    average.after_step(task)
    assert not average.begun
    average.after_step(task)
    assert average.begun
    again = Ema(0.5, every=2).begin(tiny.seeded())
    again.count(average.state_dict())
    assert again.counts() == {"updates": 1, "steps": 2, "epoch": 0}
    again.count({"updates": 7})  # of an older version
    assert again.counts() == {"updates": 7, "steps": 7, "epoch": 0}


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match=r"Ema.decay is 1.0; it has to be at least 0 and below 1"):
        Ema(1.0)
    with pytest.raises(InputError, match=r"Ema.every is 0; it has to be at least 1"):
        Ema(every=0)
