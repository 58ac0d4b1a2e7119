"""BlurPool: a map is blurred before it is sampled more thinly, so that shifting an image by a pixel changes little.

Zhang: Making Convolutional Networks Shift-Invariant Again, 2019, arXiv 1904.11486. The filter is [1 2 1] / 4
in both directions. A maximum is taken at every point, then blurred and sampled. A convolution with a
stride has its input blurred, as MosaicML's Composer does, where the paper blurs its output: so no layer has to know
the next. Convolutions of fewer than 16 channels, the first layer's, are left alone, as there.
"""

from typing import Any, Final, final

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

LEAST_CHANNELS: Final = 16


def blurred(x: Tensor, stride: int = 1) -> Tensor:
    """x (B, C, H, W) filtered, its border repeated outwards, at every `stride`-th point: H becomes ceil(H / stride).

    The filter is the mean of two points, twice.
    """
    return avg_pool2d(avg_pool2d(pad(x, (1, 1, 1, 1), mode="replicate"), 2, 1), 2, stride)


@final
class BlurPool(nn.Module):
    """`blurred` as a layer; it has no tensors."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return blurred(x, self.stride)

    def extra_repr(self) -> str:
        return f"stride={self.stride}"


def set_blur_pool(network: nn.Module) -> int:
    """Blurs before the convolutions and nn.MaxPool2d of `network` that halve; names and shapes of its tensors stay. How
    many there are."""
    count = 0
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Conv2d) and max(layer.stride) > 1 and layer.in_channels >= LEAST_CHANNELS:
                layer.register_forward_pre_hook(_blur)
                count += 1
            if isinstance(layer, nn.MaxPool2d) and isinstance(layer.stride, int) and layer.stride > 1:
                assert isinstance(layer.kernel_size, int)
                everywhere = nn.MaxPool2d(layer.kernel_size, 1, layer.padding)
                setattr(parent, name, nn.Sequential(everywhere, BlurPool(layer.stride)))
                count += 1
    return count


def blurs(network: nn.Module) -> bool:
    """Whether `set_blur_pool` has changed it, which its layers in print do not always show."""
    return any(isinstance(layer, BlurPool) or _blur in layer._forward_pre_hooks.values() for layer in network.modules())


def _blur(layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Tensor]:
    [x] = inputs
    return (blurred(x),)
