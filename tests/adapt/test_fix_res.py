from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from plusx.adapt.fix_res import fix_res
from plusx.backbones.create import build
from plusx.core.errors import InputError
from plusx.tasks.create import create


@pytest.mark.parametrize(
    ("network", "norm"),
    [("resnet18", "conv5.block2.F.layer2.norm"), ("shufflenet_v2_x1_0", "conv5.norm")],
)
def test_the_head_and_the_last_norm_learn_and_nothing_else_moves(network: str, norm: str) -> None:
    torch.manual_seed(0)
    task = create("classify", build(network), {"classes": ["a", "b"]})
    before = {name: value.clone() for name, value in task.state_dict().items()}
    learning = fix_res(task)
    names = {name for name, weight in task.named_parameters() if weight.requires_grad}
    assert names == {f"backbone.{norm}.weight", f"backbone.{norm}.bias", "head.fc.weight", "head.fc.bias"}
    assert len(learning) == 4
    losses = task(torch.randn(4, 3, 64, 64), torch.tensor([0, 1, 0, 1]))
    torch.stack([*losses.values()]).sum().backward()
    torch.optim.SGD(learning, 0.1).step()
    moved = {name for name, value in task.state_dict().items() if not torch.equal(value, before[name])}
    statistics = {f"backbone.{norm}.{which}" for which in ("running_mean", "running_var", "num_batches_tracked")}
    assert moved == names | statistics


def test_networks_of_others() -> None:
    with torch.device("meta"):
        other: Any = torchvision.models.resnet18()
    assert len(fix_res(other, other.fc)) == 4
    assert other.layer4[1].bn2.training
    assert not other.layer4[1].bn1.training
    with pytest.raises(InputError, match=r"ResNet is no plusx task: say which module is its head, as model\.fc"):
        fix_res(other)
    with pytest.raises(InputError, match="Sequential has no normalisation before its head"):
        fix_res(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Linear(2, 2))
