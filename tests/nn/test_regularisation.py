import copy
from typing import Any

import pytest
import timm
import torch
from timm.layers.drop import drop_path as timm_drop_path
from torch import nn
from torchvision.ops import drop_block2d

from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.nn.drop_block import DropBlock, drop_block
from plusx.nn.regularisation import Branches, Sums, hook_of, residual_units, set_drop_block, set_stochastic_depth
from plusx.nn.stochastic_depth import drop_path

X = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def network() -> Backbone:
    torch.manual_seed(0)
    return build("resnet20").eval()


def last(network: Backbone, images: torch.Tensor = X) -> torch.Tensor:
    return network(images)[network.stages[-1].name]


def stages(network: Backbone) -> list[nn.Module]:
    return [module for _, module in network.parts()]


def sums(unit: nn.Module) -> float | None:
    hook = hook_of(unit, Sums)
    return None if hook is None else hook.squares.rate


def test_images_go_as_timms() -> None:
    y = torch.randn(64, 8, 3, 3)
    torch.manual_seed(3)
    ours = drop_path(y, 0.3)
    torch.manual_seed(3)
    assert torch.equal(ours, timm_drop_path(y, 0.3, training=True))
    share = ours / y
    assert {round(value, 4) for value in share.amax(dim=(1, 2, 3)).tolist()} == {0.0, round(1 / 0.7, 4)}
    torch.testing.assert_close(share.amin(dim=(1, 2, 3)), share.amax(dim=(1, 2, 3)))


def test_the_expectation_is_that_of_evaluation() -> None:
    torch.manual_seed(0)
    assert drop_path(torch.ones(20_000, 1, 1, 1), 0.4).mean().item() == pytest.approx(1.0, abs=0.02)


def test_rates_are_timms() -> None:
    reference: Any = timm.create_model("resnet50", drop_path_rate=0.2)
    blocks: list[Any] = [
        block for stage in range(1, 5) for block in reference.get_submodule(f"layer{stage}").children()
    ]
    theirs = [block.drop_path.drop_prob if block.drop_path else 0.0 for block in blocks]
    ours = build("resnet50")
    assert set_stochastic_depth(ours, 0.2) == 16
    hooks = [hook_of(unit.get_submodule("F"), Branches) for unit in residual_units(ours)]
    assert [0.0 if hook is None else hook.rate for hook in hooks] == pytest.approx(theirs)


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_squares_go_as_torchvisions(size: int) -> None:
    x = torch.randn(4, 1, 7, 8)  # theirs draws for each channel
    torch.manual_seed(5)
    ours = drop_block(x, DropBlock(0.2, size))
    torch.manual_seed(5)
    torch.testing.assert_close(ours, drop_block2d(x, 0.2, size))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 5), (7, 7), (14, 14)])
def test_about_the_rate_is_dropped_of_every_size_of_map(height: int, width: int) -> None:
    torch.manual_seed(6)
    y = drop_block(torch.ones(2000, 2, height, width), DropBlock(0.1))
    assert y.shape == (2000, 2, height, width)
    assert (y == 0).float().mean() == pytest.approx(0.1, abs=0.03)
    assert y.mean() == pytest.approx(1.0, abs=1e-4)


def test_evaluation_is_the_same_to_the_bit_and_training_is_not(network: Backbone) -> None:
    before = last(network)
    names = list(network.state_dict())
    set_stochastic_depth(network, 0.5)
    assert set_drop_block(stages(network), 0.2, size=3) > 0
    assert torch.equal(last(network), before)
    assert list(network.state_dict()) == names
    changed = copy.deepcopy(network)
    network.train()
    assert not torch.equal(last(network), last(network))
    assert torch.equal(last(changed), before)
    set_stochastic_depth(network, 0.0)
    set_drop_block(stages(network), 0.0)
    assert torch.equal(last(network), last(network))


def test_drop_block_is_in_the_last_two_stages_a_quarter_in_the_first_of_them(network: Backbone) -> None:
    set_drop_block(stages(network), 0.1)
    rates = [[sums(unit) for unit in residual_units(stage)] for stage in stages(network)]
    assert [set(stage) for stage in rates[-3:]] == [{None}, {0.025}, {0.1}]


@pytest.mark.parametrize("name", ["resnet18_v2", "mobilenet_v2_035", "shufflenet_v1_g3_025", "xception41"])
def test_every_family_with_a_sum(name: str) -> None:
    network = build(name)
    assert set_stochastic_depth(network, 0.5) > 5
    network.train()
    images = torch.randn(2, 3, 64, 64)
    assert last(network, images).isfinite().all()


def test_a_network_without_sums_has_no_units() -> None:
    assert set_stochastic_depth(build("densenet121"), 0.5) == 0


def test_recomputed_maps_lose_the_same(network: Backbone) -> None:
    set_stochastic_depth(network, 0.5)
    set_drop_block(stages(network), 0.2, size=3)
    network.train()
    found = []
    for recompute in (False, True):
        network.recompute = recompute
        network.zero_grad()
        torch.manual_seed(7)
        last(network).square().mean().backward()
        found.append([parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None])
    torch.testing.assert_close(found[0], found[1])


def test_compiles_in_training(network: Backbone) -> None:
    set_stochastic_depth(network, 0.5)
    set_drop_block(stages(network), 0.2, size=3)
    unit = nn.Sequential(residual_units(network)[-1]).train()
    x = torch.randn(8, 64, 8, 8)
    compiled = torch.compile(unit, backend="aot_eager", fullgraph=True)
    found = compiled(x)
    assert found.isfinite().all()
    assert not torch.equal(found, compiled(x))


def test_exports_as_without(network: Backbone) -> None:
    before = last(network)
    set_stochastic_depth(network, 0.5)
    program = torch.export.export(network, (X,)).module()
    torch.testing.assert_close(program(X)[network.stages[-1].name], before)


def test_rates_are_shares(network: Backbone) -> None:
    with pytest.raises(InputError, match="share of branches left out in the last unit, 0 to below 1, not 1"):
        set_stochastic_depth(network, 1.0)
    with pytest.raises(InputError, match="share of points left out, 0 to below 1, not -0"):
        set_drop_block(stages(network), -0.1)
