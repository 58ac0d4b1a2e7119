import pytest
import torch
from torch import nn

from plusx.nn.conv import HARD_SWISH, NORM
from plusx.nn.inverted_residual import Bottleneck, InvertedResidual, divisible, inverted_residual
from plusx.nn.strides import Step


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(0.1, 8), (8, 8), (11.2, 16), (11.9, 16), (12, 16), (18, 24), (20, 24), (33.6, 32), (1792, 1792), (41.6, 40)],
)
def test_channels_are_multiples_of_8_and_never_a_tenth_less(channels: float, expected: int) -> None:
    assert divisible(channels) == expected
    assert expected >= 0.9 * channels


def test_the_sum_stands_where_nothing_changes_the_shape() -> None:
    same = Bottleneck(8, 24, 8)
    assert isinstance(inverted_residual(same, Step(), stride=1, norm=NORM), InvertedResidual)
    assert isinstance(inverted_residual(same, Step(1, 2, 2), stride=1, norm=NORM), InvertedResidual)
    assert not isinstance(inverted_residual(same, Step(2), stride=2, norm=NORM), InvertedResidual)
    assert not isinstance(inverted_residual(same, Step(1, 1, 2), stride=2, norm=NORM), InvertedResidual), (
        "a stride made dilation"
    )
    assert not isinstance(inverted_residual(Bottleneck(8, 24, 16), Step(), stride=1, norm=NORM), InvertedResidual)


def test_y_is_F_of_x_plus_x() -> None:
    block = inverted_residual(Bottleneck(8, 24, 8, squeezed=8), Step(), stride=1, norm=NORM).eval()
    x = torch.randn(2, 8, 5, 6)
    before = x.clone()
    F = block.get_submodule("F")
    torch.testing.assert_close(block(x), F(x) + x)
    assert torch.equal(x, before)
    assert block(x).min() < 0, "nothing bends the line between blocks"


def test_layers_are_those_of_the_shape() -> None:
    def names(shape: Bottleneck) -> list[str]:
        return [
            name
            for name, _ in inverted_residual(shape, Step(), stride=1, norm=NORM).get_submodule("F").named_children()
        ]

    assert names(Bottleneck(8, 24, 8)) == ["expand", "depthwise", "project"]
    assert names(Bottleneck(8, 8, 4)) == ["depthwise", "project"]
    assert names(Bottleneck(8, 24, 8, squeezed=8)) == ["expand", "depthwise", "squeeze_excite", "project"]


def test_a_projection_is_linear_and_the_rest_has_the_activation() -> None:
    F = inverted_residual(
        Bottleneck(8, 24, 8, kernel=5, squeezed=8, act=HARD_SWISH), Step(), stride=1, norm=NORM
    ).get_submodule("F")
    acts = [name for name, part in F.named_modules() if isinstance(part, nn.Hardswish)]
    assert acts == ["expand.act", "depthwise.act"]
    assert [name for name, _ in F.get_submodule("project").named_children()] == ["conv", "norm"]
    depthwise = F.get_submodule("depthwise.conv")
    assert isinstance(depthwise, nn.Conv2d)
    assert (depthwise.groups, depthwise.kernel_size, depthwise.padding) == (24, (5, 5), (2, 2))


def test_without_gradients_nothing_of_x_is_changed() -> None:
    block = inverted_residual(Bottleneck(8, 8, 8, squeezed=8), Step(), stride=1, norm=NORM).eval()
    x = torch.randn(2, 8, 4, 4)
    before, expected = x.clone(), block(x)
    with torch.no_grad():
        torch.testing.assert_close(block(x), expected)
    assert torch.equal(x, before)
