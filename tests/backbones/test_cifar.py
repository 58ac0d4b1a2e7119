"""Against an obvious implementation of section 4.2, one pixel at a time where the shortcut is concerned."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from plusx.backbones.catalogue import architecture
from plusx.backbones.create import build
from plusx.core.errors import InputError


def slow_option_a(x: Tensor, channels: int, stride: int, before: int) -> Tensor:
    """Identity on the pixels that are kept; everything else zero."""
    batch, old, height, width = x.shape
    y = torch.zeros(batch, channels, -(-height // stride), -(-width // stride))
    for b in range(batch):
        for c in range(old):
            for i in range(y.shape[2]):
                for j in range(y.shape[3]):
                    y[b, before + c, i, j] = x[b, c, stride * i, stride * j]
    return y


@pytest.mark.parametrize(("shortcut", "before"), [("A", 0), ("A-centred", 2)])
def test_option_a_against_the_slow_one(shortcut: str, before: int) -> None:
    backbone = build("resnet20", width=4, shortcut=shortcut)
    for size in ((8, 8), (7, 5)):
        x = torch.randn(2, 4, *size)
        found = backbone.get_submodule("conv3.block1.shortcut")(x)
        assert torch.equal(found, slow_option_a(x, 8, 2, before))


def slow_forward(weights: Mapping[str, Tensor], images: Tensor, n: int, residual: bool) -> Tensor:
    """The whole network from its tensors, in training mode, with functions only."""

    def layer(x: Tensor, key: str, stride: int = 1) -> Tensor:
        x = functional.conv2d(x, weights[f"{key}.conv.weight"], stride=stride, padding=1)
        gamma, beta = weights[f"{key}.norm.weight"], weights[f"{key}.norm.bias"]
        return functional.batch_norm(x, None, None, gamma, beta, training=True)

    x = functional.relu(layer(images, "conv1"))
    for stage in (2, 3, 4):
        for block in range(1, n + 1):
            stride = 2 if stage > 2 and block == 1 else 1
            F = functional.relu(layer(x, f"conv{stage}.block{block}.F.layer1", stride))
            F = layer(F, f"conv{stage}.block{block}.F.layer2")
            x = functional.relu(F + slow_option_a(x, F.shape[1], stride, 0) if residual else F)
    return x


@pytest.mark.parametrize("name", ["resnet20", "plain20"])
def test_the_whole_network_against_the_slow_one(name: str) -> None:
    torch.manual_seed(0)
    backbone = build(name, width=2)
    weights = dict(backbone.named_parameters())
    images = torch.randn(2, 3, 11, 8)
    expected = slow_forward(weights, images, 3, residual=name == "resnet20")
    torch.testing.assert_close(backbone(images)["conv4"], expected)


def test_table_6_numbers_of_parameters() -> None:
    published = {"resnet20": 0.27, "resnet32": 0.46, "resnet44": 0.66, "resnet56": 0.85, "resnet110": 1.7}
    for name, millions in {**published, "resnet1202": 19.4}.items():
        assert architecture(name).parameters / 1e6 == pytest.approx(millions, rel=0.02), name


@pytest.mark.parametrize(("name", "layers"), [("resnet20", 20), ("resnet56", 56), ("plain20", 20), ("plain56", 56)])
def test_layers_with_weights(name: str, layers: int) -> None:
    with torch.device("meta"):
        convolutions = [part for part in build(name).modules() if isinstance(part, nn.Conv2d)]
    assert len(convolutions) + 1 == layers


def test_shortcuts_a_have_no_parameter_and_b_are_projections() -> None:
    with torch.device("meta"):
        a, b, none = (set(build("resnet20", shortcut=option).state_dict()) for option in ("A", "B", "none"))
    assert a == none
    assert {key.rsplit(".", 2)[0] for key in b - a} == {"conv3.block1.shortcut", "conv4.block1.shortcut"}


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("resnet20", {"shortcut": "C"}, "shortcut is 'C'; expected one of 'A', 'A-centred', 'B', 'none'"),
        ("resnet20", {"n": 0}, "n is 0; expected 1 or more"),
        ("plain20", {"zero_init_residual": True}, "zero_init_residual has no effect on a network without residual"),
    ],
)
def test_settings_that_cannot_be(name: str, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        build(name, **settings)
