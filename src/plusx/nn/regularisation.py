"""What is left out in training alone, in any network with residual units: weights, names and evaluation stay as they
are. Dropping is drawn from torch's global generators, so that a run that goes on draws the same."""

from collections.abc import Sequence

from torch import nn

from plusx.core.errors import InputError
from plusx.nn.drop_block import DropBlock
from plusx.nn.residual import ResidualUnit
from plusx.nn.stochastic_depth import rising


def set_stochastic_depth(network: nn.Module, rate: float) -> int:
    """The units' branches are left out at rates from 0, the first, to `rate`, the last; 0 ends it. How many units there
    are. InputError unless 0 ≤ rate < 1.
    """
    if not 0.0 <= rate < 1.0:
        raise InputError(f"drop-path is the share of branches left out in the last unit, 0 to below 1, not {rate}")
    units = residual_units(network)
    for unit, own in zip(units, rising(rate, len(units)), strict=True):
        unit.drop_path = own
    return len(units)


def set_drop_block(stages: Sequence[nn.Module], rate: float, size: int = 7) -> int:
    """Squares of the sums of the last two `stages` are dropped; 0 ends it. How many units there are.

    Ghiasi et al., section 4.1: squares of 7 points for ResNet-50, in groups 3 and 4, a quarter of the rate in group 3
    (of γ). The paper drops after every convolution and on shortcuts, and lets the rate rise from 0 during training;
    here the units' sums are dropped, at one rate. InputError unless 0 ≤ rate < 1.
    """
    if not 0.0 <= rate < 1.0:
        raise InputError(f"drop-block is the share of points left out, 0 to below 1, not {rate}")
    count = 0
    for stage, share in zip(stages[-2:], (0.25, 1.0)[-len(stages) :], strict=True):
        for unit in residual_units(stage):
            unit.drop_block = DropBlock(rate * share, size) if rate > 0 else None
            count += 1
    return count


def residual_units(network: nn.Module) -> list[ResidualUnit]:
    """From input to output."""
    return [part for part in network.modules() if isinstance(part, ResidualUnit)]
