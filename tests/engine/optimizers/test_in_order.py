"""The fused updates give torch's bits, whichever way weights, gradients and state lie."""

from typing import Any

import pytest
import torch
from torch import nn

from plusx.engine.optimizers.in_order import AdamWInOrder, SGDInOrder

CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "sgd": (SGDInOrder, torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.01}),
    "momentum": (SGDInOrder, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    "nesterov": (SGDInOrder, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "adamw": (AdamWInOrder, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
}


def network(memory_format: torch.memory_format) -> nn.Sequential:
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 4, 3, groups=4)]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(64, 3)).to(memory_format=memory_format)


def backward(model: nn.Module, number: int, lying: torch.memory_format, fixed: bool) -> None:
    """`lying`: of the gradients. `fixed`: the first layer has none."""
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(number))
    model.zero_grad()
    model(images).square().mean().backward()
    for parameter in model.parameters():
        if parameter.grad is not None and parameter.dim() == 4:
            parameter.grad = parameter.grad.contiguous(memory_format=lying)
    if fixed:
        model.get_parameter("0.weight").grad = None


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("lying", [torch.contiguous_format, torch.channels_last])
def test_bits_and_states_are_those_of_torch(case: str, lying: torch.memory_format) -> None:
    own, theirs, words = CASES[case]
    found: list[Any] = []
    for make in (own, theirs):
        model = network(lying)
        optimizer = make(model.parameters(), fused=True, **words)
        for number in range(12):
            backward(model, number, lying, fixed=number < 3 and "momentum" not in words)
            optimizer.step()
        found.append((model.state_dict(), optimizer.state_dict()))
    (model_a, state_a), (model_b, state_b) = found
    assert all(torch.equal(model_a[name], model_b[name]) for name in model_b)
    assert state_a["param_groups"] == state_b["param_groups"]
    assert state_a["state"].keys() == state_b["state"].keys()
    for index, theirs_of in state_b["state"].items():
        assert state_a["state"][index].keys() == theirs_of.keys()
        assert all(
            value is None or torch.equal(state_a["state"][index][name], value) for name, value in theirs_of.items()
        )


@pytest.mark.parametrize("case", CASES)
def test_goes_on_from_a_state_of_torch_and_the_other_way_round(case: str) -> None:
    own, theirs, words = CASES[case]
    ends = []
    for makes in ((own, theirs), (theirs, own), (theirs, theirs)):
        model, saved = network(torch.channels_last), None
        for start, make in enumerate(makes):
            optimizer = make(model.parameters(), fused=True, **words)
            if saved is not None:
                optimizer.load_state_dict(saved)
            for number in range(6 * start, 6 * start + 6):
                backward(model, number, torch.channels_last, fixed=False)
                optimizer.step()
            saved = optimizer.state_dict()
        ends.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    assert torch.equal(ends[0], ends[2])
    assert torch.equal(ends[1], ends[2])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weights", [torch.contiguous_format, torch.channels_last])
def test_gradients_and_states_may_lie_otherwise(case: str, weights: torch.memory_format) -> None:
    """torch's fused updates then pair the wrong values, so that the others are the reference."""
    own, theirs, words = CASES[case]
    gradients = torch.channels_last if weights == torch.contiguous_format else torch.contiguous_format
    ends = []
    for make, fused in ((own, True), (theirs, False)):
        model, saved = network(weights), dict[str, Any]()
        for number in range(6):
            optimizer = make(model.parameters(), fused=fused, **words)
            if saved:
                optimizer.load_state_dict(turned(saved, gradients))
                optimizer.param_groups[0]["fused"] = fused
            backward(model, number, gradients, fixed=False)
            optimizer.step()
            saved = optimizer.state_dict()
        ends.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    torch.testing.assert_close(*ends)


def turned(state: dict[str, Any], lying: torch.memory_format) -> dict[str, Any]:
    """The state of an optimizer whose tensors lie so."""
    tensors = {
        index: {
            name: value.contiguous(memory_format=lying) if value is not None and value.dim() == 4 else value
            for name, value in one.items()
        }
        for index, one in state["state"].items()
    }
    return {**state, "state": tensors}


def test_a_weight_without_a_gradient_at_first_joins_later() -> None:
    """torch's fused SGD with momentum stumbles over that."""
    ends = []
    for own, fused in ((SGDInOrder, True), (torch.optim.SGD, False)):
        model = network(torch.channels_last)
        optimizer = own(model.parameters(), lr=0.1, momentum=0.9, fused=fused)
        for number in range(6):
            backward(model, number, torch.channels_last, fixed=number < 3)
            optimizer.step()
        ends.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    torch.testing.assert_close(*ends)


def test_what_is_not_fused_is_left_to_torch() -> None:
    model = network(torch.channels_last)
    optimizer = SGDInOrder(model.parameters(), lr=0.1, foreach=True)
    backward(model, 0, torch.channels_last, fixed=False)
    before = model.get_parameter("0.weight").detach().clone()
    optimizer.step()
    assert not torch.equal(model.get_parameter("0.weight"), before)
    assert optimizer.step(lambda: 3.0) == 3.0
