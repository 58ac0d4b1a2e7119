"""DenseNet against the formula written down slowly, and what recomputation saves."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, relu

from plusx.backbones.create import build
from plusx.backbones.densenet import DenseBlock, Growth, transition
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.nn.conv import NORM
from plusx.nn.strides import Step

FEW = {"depths": (3, 8, 6, 3), "k": 8}
CIFAR = {"n": 6}


def normalised(x: Tensor, norm: nn.Module) -> Tensor:
    """ReLU of a normalisation by the batch's own statistics (γ = 1, β = 0)."""
    assert isinstance(norm, nn.BatchNorm2d)
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    return relu((x - mean) / (var + norm.eps).sqrt())


def weight(module: nn.Module, name: str) -> Tensor:
    found = module.get_submodule(name).weight
    assert isinstance(found, Tensor)
    return found


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_block_is_the_formula(dilation: int) -> None:
    block = DenseBlock(5, 3, Step(1, dilation_after=dilation), Growth(4, 0.5, NORM, memory_efficient=False)).double()
    maps = [torch.randn(2, 5, 6, 7, dtype=torch.float64)]
    found = block(maps[0])
    for layer in ("layer1", "layer2", "layer3"):
        x = torch.cat(maps, dim=1)
        x = conv2d(
            normalised(x, block.get_submodule(f"{layer}.bottleneck.norm")), weight(block, f"{layer}.bottleneck.conv")
        )
        x = normalised(x, block.get_submodule(f"{layer}.growth.norm"))
        maps.append(conv2d(x, weight(block, f"{layer}.growth.conv"), padding=dilation, dilation=dilation))
    torch.testing.assert_close(found, torch.cat(maps, dim=1))


@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_a_transition_may_pool_before_its_convolution(size: tuple[int, int]) -> None:
    module = transition(6, 3, Step(2), NORM).double()
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    paper = avg_pool2d(conv2d(normalised(x, module.get_submodule("norm")), weight(module, "conv")), 2)
    torch.testing.assert_close(module(x), paper)


def test_layers_are_counted_as_in_the_papers_names() -> None:
    for name in ("densenet121", "densenet161", "densenet169", "densenet201"):
        assert weighted(name) + 1 == int(name[-3:])
    for name, layers in (("densenet_bc100_12", 100), ("densenet_bc250_24", 250), ("densenet_bc190_40", 190)):
        assert weighted(name) + 1 == layers


def weighted(name: str) -> int:
    with torch.device("meta"):
        return sum(isinstance(part, nn.Conv2d) for part in build(name).modules())


def test_every_layer_adds_k_maps_and_a_transition_keeps_theta_of_them() -> None:
    with torch.device("meta"):
        stages = build("densenet121", depths=(1, 2, 1, 1), k=10, theta=0.25).stages
    assert [(stage.name, stage.channels) for stage in stages] == [
        ("conv1", 20),
        ("dense1", 30),
        ("dense2", 27),  # 30 / 4, rounded down, and 20
        ("dense3", 16),
        ("dense4", 14),
    ]


def test_only_the_last_map_is_normalised() -> None:
    features = build("densenet121", **FEW)(torch.randn(2, 3, 64, 64))
    assert features["dense4"].min() == 0
    assert all(features[name].min() < 0 for name in ("dense1", "dense2", "dense3"))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("densenet121", {"theta": 0.0}, r"theta is 0\.0; expected a number above 0, and 1 at the most, e\.g\. 0\.5"),
        ("densenet121", {"theta": 1.5}, r"theta is 1\.5; expected a number above 0, and 1 at the most"),
        ("densenet121", {"k": 0}, "k is 0; expected 1 or more"),
        ("densenet121", {"depths": (2, 0)}, "depths is 0; expected 1 or more"),
        ("densenet121", {"k": 1, "theta": 0.1}, "maps that theta keeps is 0; expected 1 or more"),
        ("densenet_bc100_12", {"n": 0}, "n is 0; expected 1 or more"),
        ("densenet_bc100_12", {"small_input": True}, "small_input"),
    ],
)
def test_settings_that_make_no_network(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(name, **settings)


def trained(name: str, images: Tensor, **settings: Any) -> tuple[Tensor, list[Tensor], dict[str, Tensor], int]:
    """Output, gradients, state after one step in training mode, and the bytes kept for its backward pass."""
    torch.manual_seed(0)
    backbone = build(name, **settings)
    kept = Kept(backbone)
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
        out = backbone(images)[backbone.stages[-1].name]
    out.square().mean().backward()
    return out, [p.grad for p in backbone.parameters() if p.grad is not None], backbone.state_dict(), kept.bytes


class Kept:
    """What a graph keeps, without parameters: each storage once."""

    def __init__(self, backbone: Backbone) -> None:
        self.own = {p.untyped_storage().data_ptr() for p in backbone.parameters()}
        self.storages: dict[int, torch.UntypedStorage] = {}

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.own:
            self.storages[storage.data_ptr()] = storage
        return tensor

    @property
    def bytes(self) -> int:
        return sum(storage.nbytes() for storage in self.storages.values())


@pytest.mark.parametrize(("name", "few"), [("densenet121", FEW), ("densenet_bc100_12", CIFAR)])
def test_memory_efficient_changes_nothing_but_memory(name: str, few: dict[str, Any]) -> None:
    images = torch.randn(2, 3, 64, 64)
    out, gradients, state, usual = trained(name, images, **few)
    same, recomputed, after, less = trained(name, images, **few, memory_efficient=True)
    assert torch.equal(same, out)
    assert len(recomputed) == len(gradients)
    assert all(map(torch.equal, recomputed, gradients))
    assert state.keys() == after.keys()
    assert all(torch.equal(state[key], after[key]) for key in state)
    assert less < 0.8 * usual


def test_memory_efficient_inside_recomputed_stages() -> None:
    images = torch.randn(2, 3, 64, 64)
    _, gradients, state, _ = trained("densenet121", images, **FEW)
    torch.manual_seed(0)
    backbone = build("densenet121", **FEW, memory_efficient=True)
    backbone.recompute = True
    backbone(images)["dense4"].square().mean().backward()
    assert all(map(torch.equal, [p.grad for p in backbone.parameters() if p.grad is not None], gradients))
    assert all(torch.equal(value, state[key]) for key, value in backbone.state_dict().items())


def test_memory_efficient_grows_with_the_layers_and_not_with_their_square() -> None:
    images = torch.randn(1, 3, 32, 32)
    usual = [trained("densenet_bc100_12", images, n=n)[3] for n in (4, 8, 16)]
    less = [trained("densenet_bc100_12", images, n=n, memory_efficient=True)[3] for n in (4, 8, 16)]
    assert (usual[2] - usual[1]) > 2.5 * (usual[1] - usual[0])
    assert (less[2] - less[1]) < 2.1 * (less[1] - less[0])


def test_memory_efficient_networks_can_be_compiled() -> None:
    torch.compiler.reset()
    backbone, images = build("densenet_bc100_12", n=2, memory_efficient=True), torch.randn(2, 3, 32, 32)
    twin = build("densenet_bc100_12", n=2)
    twin.load_state_dict(backbone.state_dict())
    compiled = torch.compile(backbone, backend="eager", fullgraph=True)
    for network in (compiled, twin):
        network(images)["dense3"].square().mean().backward()
    for mine, other in zip(backbone.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)
