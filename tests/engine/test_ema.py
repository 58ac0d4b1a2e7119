from typing import Any

import torch

from plusx.engine.ema import Ema


def test_equal_to_a_slow_reference(tiny: Any) -> None:
    task = tiny.seeded()
    ema: Any = Ema(task, 0.9)
    slow = {name: value.double() for name, value in task.named_parameters()}
    for n in range(120):
        with torch.no_grad():
            for parameter in task.parameters():
                parameter.add_(torch.randn_like(parameter))
            task.backbone.conv1[1].running_mean.add_(1)
            task.backbone.conv1[1].num_batches_tracked.add_(1)
        d = min(0.9, (1 + n) / (10 + n))
        slow = {name: d * slow[name] + (1 - d) * value.double() for name, value in task.named_parameters()}
        ema.update(task)
    for name, value in ema.task.named_parameters():
        assert torch.allclose(value.double(), slow[name], rtol=1e-4, atol=1e-5)
        assert not value.requires_grad
    assert ema.task.backbone.conv1[1].running_mean[0] == 120
    assert ema.task.backbone.conv1[1].num_batches_tracked == 120


def test_the_average_is_a_copy_and_its_state_comes_back(tiny: Any) -> None:
    task = tiny.seeded()
    ema: Any = Ema(task, 0.5)
    with torch.no_grad():
        task.head[3].bias.add_(1)
    assert not torch.equal(ema.task.head[3].bias, task.head[3].bias)
    ema.update(task)
    again: Any = Ema(tiny.seeded(), 0.5)
    again.load_state_dict(ema.state_dict())
    assert again.updates == 1
    assert torch.equal(again.task.head[3].bias, ema.task.head[3].bias)
