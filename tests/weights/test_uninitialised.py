"""Building without drawing: nothing random is spent, everything else is as always."""

import torch

from plusx.backbones.create import build
from plusx.weights.uninitialised import Uninitialised


def test_no_random_number_is_drawn() -> None:
    state = torch.random.get_rng_state()
    with Uninitialised():
        build("resnet50")
    assert torch.equal(torch.random.get_rng_state(), state)


def test_constants_are_set_and_shapes_are_right() -> None:
    with Uninitialised():
        found = build("resnet18").state_dict()
    expected = build("resnet18").state_dict()
    assert {name: tensor.shape for name, tensor in found.items()} == {n: t.shape for n, t in expected.items()}
    assert torch.equal(found["conv1.norm.running_var"], torch.ones(64))
    assert torch.equal(found["conv1.norm.weight"], torch.ones(64))
