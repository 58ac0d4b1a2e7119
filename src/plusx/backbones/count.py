"""What a network costs, counted on the network itself."""

from typing import Any

import torch
from torch import Tensor, nn

from plusx.core.backbone import Backbone


def head_parameters(backbone: Backbone, outputs: int) -> int:
    """Weights and biases of the classifier, the paper's hidden layer included."""
    channels, hidden = backbone.stages[-1].channels, backbone.hidden
    if hidden is None:
        return (channels + 1) * outputs
    return (channels + 1) * hidden.channels + (hidden.channels + 1) * outputs


def parameters(backbone: Backbone, outputs: int) -> int:
    """All numbers that training changes, the classifier's with them."""
    return sum(part.numel() for part in backbone.parameters()) + head_parameters(backbone, outputs)


def multiply_adds(backbone: Backbone, outputs: int, size: int) -> int:
    """Products of the convolutions and fully connected layers for one image of size × size pixels, classifier included.

    Every output point of a convolution takes k·k·(input maps of its group) products. The backbone may be on the device
    "meta", where nothing is computed.
    """
    counted: list[int] = []

    def count(module: nn.Module, _args: Any, out: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        counted.append(out.numel() * weight[0].numel())

    layers = [part for part in backbone.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    first = next(backbone.parameters())
    training = backbone.training
    try:
        with torch.no_grad():
            backbone.eval()(torch.empty(1, first.shape[1], size, size, device=first.device))
    finally:
        backbone.train(training)
        for handle in handles:
            handle.remove()
    biases = outputs + (backbone.hidden.channels if backbone.hidden else 0)
    return sum(counted) + head_parameters(backbone, outputs) - biases
