"""Against loops over channels, in every memory format, forward and backward."""

import pytest
import torch
from torch import Tensor

from plusx.nn.channel_shuffle import ChannelShuffle, in_channels_last, interleaved, last_transposed

FORMATS = (torch.contiguous_format, torch.channels_last)


def slowly(x: Tensor, groups: int) -> Tensor:
    """Takes from the groups in turn."""
    per_group = x.shape[1] // groups
    order = [i * per_group + j for j in range(per_group) for i in range(groups)]
    return torch.stack([x[:, channel] for channel in order], dim=1)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize(("groups", "channels"), [(1, 5), (2, 6), (3, 3), (3, 12), (8, 24)])
def test_groups_take_turns(groups: int, channels: int, memory_format: torch.memory_format) -> None:
    x = torch.randn(2, channels, 5, 7).contiguous(memory_format=memory_format).requires_grad_()
    found, expected = ChannelShuffle(groups)(x), slowly(x, groups)
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=memory_format)
    seen = torch.randn(2, channels, 5, 7)
    assert torch.equal(*(torch.autograd.grad(y, x, seen)[0] for y in (found, expected)))
    assert torch.equal(last_transposed(x, groups), expected)


def test_a_second_shuffle_with_the_other_divisor_undoes_the_first() -> None:
    x = torch.randn(2, 12, 4, 4)
    assert torch.equal(ChannelShuffle(4)(ChannelShuffle(3)(x)), x)
    assert not torch.equal(ChannelShuffle(3)(ChannelShuffle(3)(x)), x)


def test_other_devices_keep_channels_last() -> None:
    x = torch.empty(2, 12, 4, 5, device="meta").contiguous(memory_format=torch.channels_last)
    assert ChannelShuffle(3)(x).is_contiguous(memory_format=torch.channels_last)
    assert ChannelShuffle(3)(x.contiguous()).is_contiguous()


def test_one_pixel_or_one_map_is_in_both_formats() -> None:
    assert not in_channels_last(torch.randn(2, 12, 1, 1).contiguous(memory_format=torch.channels_last))
    assert not in_channels_last(torch.randn(2, 1, 4, 4).contiguous(memory_format=torch.channels_last))
    assert in_channels_last(torch.randn(2, 2, 4, 4).contiguous(memory_format=torch.channels_last))


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("size", [(2, 4, 5, 7), (1, 2, 3, 3), (3, 5, 1, 2)])
def test_interleaving_is_the_shuffle_of_both(size: tuple[int, ...], memory_format: torch.memory_format) -> None:
    whole = torch.randn(size[0], 2 * size[1], *size[2:]).contiguous(memory_format=memory_format)
    a = whole.chunk(2, dim=1)[0].detach().requires_grad_()
    b = torch.randn(size).contiguous(memory_format=memory_format).requires_grad_()
    found, expected = interleaved(a, b), slowly(torch.cat((a, b), dim=1), 2)
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=memory_format)
    seen = torch.randn_like(expected)
    for mine, theirs in zip(*(torch.autograd.grad(y, (a, b), seen) for y in (found, expected)), strict=True):
        assert torch.equal(mine, theirs)
