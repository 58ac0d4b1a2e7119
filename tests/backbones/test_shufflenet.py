"""Against a reference of loops over single channels, and against the figures of the paper."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from plusx.backbones.catalogue import architecture, architectures
from plusx.backbones.count import multiply_adds
from plusx.backbones.create import build
from plusx.backbones.shufflenet import Concatenated, DilatedAverage, ShuffleNetConfig, bottleneck
from plusx.core.errors import InputError
from plusx.nn.channel_shuffle import ChannelShuffle
from plusx.nn.residual import Residual
from plusx.nn.strides import Step

Weights = Mapping[str, Tensor]


def convolved(x: Tensor, weight: Tensor, groups: int, stride: int = 1) -> Tensor:
    """One output map after the other, one input map after the other, one point of the kernel after the other."""
    outputs, inputs, kernel, _ = weight.shape
    around = kernel // 2
    height, width = (-(-side // stride) for side in x.shape[2:])
    wide = torch.zeros(x.shape[0], x.shape[1], x.shape[2] + 2 * around, x.shape[3] + 2 * around, dtype=x.dtype)
    wide[:, :, around : around + x.shape[2], around : around + x.shape[3]] = x
    y = torch.zeros(x.shape[0], outputs, height, width, dtype=x.dtype)
    for o in range(outputs):
        first = o // (outputs // groups) * inputs
        for i in range(inputs):
            for row in range(kernel):
                for column in range(kernel):
                    seen = wide[:, first + i, row::stride, column::stride][:, :height, :width]
                    y[:, o] += weight[o, i, row, column] * seen
    return y


def normalised(x: Tensor, weights: Weights, name: str) -> Tensor:
    shape = (1, -1, 1, 1)
    mean, variance, gain, bias = (
        weights[f"{name}.{key}"].view(shape) for key in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + 1e-5).sqrt() * gain + bias


def shuffled(x: Tensor, groups: int) -> Tensor:
    per_group = x.shape[1] // groups
    return torch.stack([x[:, i * per_group + j] for j in range(per_group) for i in range(groups)], dim=1)


def unit(x: Tensor, weights: Weights, name: str, groups: tuple[int, int], stride: int) -> Tensor:
    """Fig. 2 (b) or (c)."""
    y = convolved(x, weights[f"{name}.F.layer1.conv.weight"], groups[0])
    y = shuffled(normalised(y, weights, f"{name}.F.layer1.norm").clamp(min=0), groups[1])
    y = convolved(y, weights[f"{name}.F.layer2.conv.weight"], y.shape[1], stride)
    y = convolved(normalised(y, weights, f"{name}.F.layer2.norm"), weights[f"{name}.F.layer3.conv.weight"], groups[1])
    y = normalised(y, weights, f"{name}.F.layer3.norm")
    if stride == 1:
        return (x + y).clamp(min=0)
    mean = torch.full((x.shape[1], 1, 3, 3), 1 / 9, dtype=x.dtype)
    return torch.cat((convolved(x, mean, x.shape[1], 2), y), dim=1).clamp(min=0)


def reference(x: Tensor, weights: Weights, groups: int, depths: tuple[int, ...]) -> dict[str, Tensor]:
    """Table 1."""
    x = normalised(convolved(x, weights["conv1.conv.weight"], 1, 2), weights, "conv1.norm").clamp(min=0)
    maps = {"conv1": x}
    x = nn.MaxPool2d(3, 2, 1)(x)
    for stage, depth in enumerate(depths, 2):
        for number in range(1, depth + 1):
            first = 1 if stage == 2 and number == 1 else groups
            x = unit(x, weights, f"stage{stage}.unit{number}", (first, groups), 2 if number == 1 else 1)
        maps[f"stage{stage}"] = x
    return maps


@pytest.mark.parametrize(("name", "depths"), [("g3_025", (2, 2, 1)), ("g8_025", (1, 2, 2)), ("g1_025", (1, 1, 1))])
@pytest.mark.parametrize("size", [(64, 96), (97, 65)])
def test_every_stage_is_that_of_the_reference(name: str, depths: tuple[int, ...], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    backbone = build(f"shufflenet_v1_{name}", depths=depths).double().eval()
    for key, value in backbone.state_dict().items():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5) if key.endswith(("running_var", "weight")) else value.uniform_(-0.5, 0.5)
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        found = backbone(images)
        expected = reference(images, backbone.state_dict(), int(name[1]), depths)
    assert list(found) == list(expected)
    for stage, value in expected.items():
        torch.testing.assert_close(found[stage], value, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("g", "millions"), [(1, 143), (2, 140), (3, 137), (4, 133), (8, 137)])
def test_table_1_counts_without_the_classifier(g: int, millions: int) -> None:
    found = architecture(f"shufflenet_v1_g{g}_100")
    channels = found.settings["width"] * 4
    assert round((found.multiply_adds - 1000 * channels) / 1e6) == millions


@pytest.mark.parametrize(("name", "millions"), [("g3_200", 524), ("g3_150", 292), ("g2_050", 38), ("g3_050", 38)])
def test_scaled_networks_cost_what_the_paper_says(name: str, millions: int) -> None:
    assert round(architecture(f"shufflenet_v1_{name}").multiply_adds / 1e6) == millions


def test_a_unit_costs_what_section_3_2_says() -> None:
    g, c, m, points = 3, 240, 60, 28 * 28
    with torch.device("meta"):
        backbone = build("shufflenet_v1_g3_100")
        twice = build("shufflenet_v1_g3_100", depths=(5, 8, 4))
    more = multiply_adds(twice, 1000, 224) - multiply_adds(backbone, 1000, 224)
    assert more == points * (2 * c * m // g + 9 * m)


def test_every_network_has_table_1s_form() -> None:
    for name in architectures("shufflenet_v1_*"):
        with torch.device("meta"):
            backbone = build(name)
        width = architecture(name).settings["width"]
        assert [stage.channels for stage in backbone.stages[1:]] == [width, 2 * width, 4 * width]
        assert [stage.stride for stage in backbone.stages] == [2, 8, 16, 32]
        kinds = [type(part) for part in backbone.modules() if isinstance(part, Concatenated | Residual)]
        assert kinds == [Concatenated, *[Residual] * 3, Concatenated, *[Residual] * 7, Concatenated, *[Residual] * 3]
        shuffles = sum(isinstance(part, ChannelShuffle) for part in backbone.modules())
        assert shuffles == (0 if "_g1_" in name else 16)


def test_only_the_shuffle_lets_groups_see_each_other() -> None:
    torch.manual_seed(0)
    F = bottleneck(12, 12, 12, Step(), ShuffleNetConfig(3, 24, stem=12), groups_in=3).eval()

    def seen_by_the_first_map() -> list[int]:
        x = torch.randn(1, 12, 8, 8, requires_grad=True)
        (gradient,) = torch.autograd.grad(F(x)[0, 0].sum(), x)
        return [channel for channel in range(12) if gradient[0, channel].abs().sum() > 0]

    assert {channel // 4 for channel in seen_by_the_first_map()} == {0, 1, 2}
    F.shuffle = nn.Identity()
    assert {channel // 4 for channel in seen_by_the_first_map()} == {0}


def test_the_dilated_average_is_the_pooling_on_the_coarse_grid() -> None:
    x = torch.randn(2, 5, 21, 14)
    pooled = nn.AvgPool2d(3, 1, padding=1)
    assert torch.allclose(DilatedAverage(1)(x), pooled(x), atol=1e-6)
    assert torch.allclose(DilatedAverage(2)(x)[:, :, ::2, ::2], pooled(x[:, :, ::2, ::2]), atol=1e-6)
    assert repr(DilatedAverage(2)) == "DilatedAverage(dilation=2)"


def test_f_that_is_added_can_begin_as_zero() -> None:
    backbone = build("shufflenet_v1_g3_025", zero_init_residual=True).eval()
    added = [part for part in backbone.modules() if isinstance(part, Residual)]
    x = torch.rand(1, 60, 8, 8)
    assert torch.equal(added[0](x), x)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": 0}, "groups is 0; expected 1 or more"),
        ({"width": 242}, "width is 242; expected a multiple of groups, 3"),
        ({"stem": 32}, "stem is 32; expected a multiple of groups, 3"),
        ({"width": 24}, "width is 24; expected 27 or more"),
        ({"stem": 3, "width": 9}, "width is 9; expected 12 or more"),
        ({"depths": (4, 0, 4)}, "depths is 0; expected 1 or more"),
    ],
)
def test_groups_must_be_whole(settings: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build("shufflenet_v1_g3_100", **settings)
