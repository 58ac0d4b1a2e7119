import pytest
import torch
from torch import nn

from plusx.adapt.l2_sp import l2_sp, starting_point
from plusx.backbones.create import build
from plusx.core.errors import InputError
from plusx.engine.anchor import Anchor, Anchored
from plusx.engine.groups import decayed
from plusx.tasks.create import create


def test_its_gradient_is_the_pull_of_the_engine_and_its_value_the_formula() -> None:
    torch.manual_seed(0)
    task = create("classify", build("resnet20"), {"classes": ["a", "b"]})
    config = Anchor(backbone=0.3, head=0.02)
    start, anchored = starting_point(task.backbone), Anchored(config, task, decayed(task, "matrices"))
    with torch.no_grad():
        for weight in task.parameters():
            weight.add_(torch.randn_like(weight))
    penalty = l2_sp(task.backbone, task.head, start, config)
    slow = 0.0
    for name, weight in task.backbone.named_parameters():
        slow += 0.15 * float((weight.detach() - start[name]).double().pow(2).sum()) if weight.ndim > 1 else 0.0
    slow += 0.01 * float(task.head.get_parameter("fc.weight").detach().double().pow(2).sum())
    assert penalty.item() == pytest.approx(slow, rel=1e-5)
    penalty.backward()
    mine = {name: None if weight.grad is None else weight.grad.clone() for name, weight in task.named_parameters()}
    for weight in task.parameters():
        weight.grad = torch.zeros_like(weight)
    anchored.pull()
    for name, weight in task.named_parameters():
        assert weight.grad is not None
        theirs = mine[name]
        torch.testing.assert_close(weight.grad, torch.zeros_like(weight) if theirs is None else theirs)


def test_a_starting_point_of_another_network_is_refused() -> None:
    with pytest.raises(InputError, match=r"l2_sp: 0\.weight is in one of the network and its starting point alone"):
        l2_sp(nn.Sequential(nn.Linear(2, 2)), nn.Linear(2, 2), {}, Anchor())


def test_a_module_without_matrices_has_nothing_to_pull() -> None:
    norm = nn.BatchNorm2d(3)
    with pytest.raises(InputError, match="no weights but biases and norms"):
        l2_sp(norm, nn.Linear(2, 2), starting_point(norm), Anchor())
