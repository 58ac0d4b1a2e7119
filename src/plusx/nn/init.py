"""How weights begin."""

from torch import nn

from plusx.core.errors import InputError
from plusx.nn.residual import PreActProjection, PreActResidual, Residual
from plusx.nn.squeeze_excite import SqueezeExcite


def kaiming_fan_out_(module: nn.Module) -> None:
    """Convolutions ~ N(0, 2 / n), n = k·k·output channels; biases zero; normalisation γ = 1, β = 0.

    He et al. 2015, Delving Deep into Rectifiers (arXiv 1502.01852), eq. 14: keeps the gradients' variance.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


def zero_residual_(module: nn.Module) -> None:
    """Every F(x) begins as 0, so that every block begins as its shortcut: the last γ of F is zero, or the last
    convolution where F ends with one; a squeeze-and-excitation after it only scales.

    Goyal et al. 2017 (arXiv 1706.02677), section 5.1. Raises InputError where there is no residual block.
    """
    functions = [part.F for part in module.modules() if isinstance(part, Residual | PreActResidual | PreActProjection)]
    if not functions:
        raise InputError("zero_init_residual has no effect on a network without residual blocks; leave it out")
    for F in functions:
        layers = [layer for layer in F.children() if not isinstance(layer, SqueezeExcite)]
        last = [part for part in layers[-1].modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)][-1]
        nn.init.zeros_(last.weight)
