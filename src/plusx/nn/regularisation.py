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

    A quarter of the rate in the last stage but one, as in the authors' code (github.com/tensorflow/tpu,
    models/official/resnet: the share of points, and with it γ, is divided by 4 for each group before the last).
    What differs is ours: there squares are dropped after each of a unit's convolutions and on its shortcut, and the
    rate rises from 0 in a straight line over the run, which the paper found to be better than one rate; here they are
    dropped once, of the unit's sum, at one rate, so that `rate` means less than there. InputError unless
    0 ≤ rate < 1.
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
