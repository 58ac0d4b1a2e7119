"""Squeeze-and-Excitation: y = s · x, with one factor s for each map, found from the means of all maps.

Jie Hu, Li Shen, Samuel Albanie, Gang Sun, Enhua Wu: Squeeze-and-Excitation Networks, 2017, arXiv 1709.01507.
Squeeze z = mean of every map (eq. 2), excitation s = gate(W_2 act(W_1 z)) (eq. 3), scale (eq. 4).
"""

from typing import final

import torch
from torch import Tensor, nn

from plusx.nn.conv import RELU, Activation


@final
class SqueezeExcite(nn.Module):
    """x (B, channels, H, W) → the same shape. `squeezed`: channels / r of the paper; the gate gives 0..1.

    Where no gradients are recorded the maps are scaled in place: x must be a fresh map that nobody else keeps.
    """

    def __init__(self, channels: int, squeezed: int, *, act: Activation = RELU, gate: Activation = nn.Sigmoid) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = act()
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        s = self.gate(self.expand(self.act(self.reduce(self.pool(x)))))
        return x * s if torch.is_grad_enabled() else x.mul_(s)  # the gradient of s is a sum over what x was
