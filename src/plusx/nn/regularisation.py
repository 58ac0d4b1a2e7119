"""What is left out in training alone, in any network with residual units: weights, names and evaluation stay as they
are. Dropping is drawn from torch's global generators, so that a run that goes on draws the same.

The units do not know of it: a hook of torch's changes what their branch F, or they themselves, give.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from torch import Tensor, nn

from plusx.core.errors import InputError
from plusx.nn.drop_block import DropBlock, drop_block
from plusx.nn.inverted_residual import InvertedResidual
from plusx.nn.residual import PreActProjection, PreActResidual, Residual
from plusx.nn.stochastic_depth import drop_path, rising

UNITS: Final = (Residual, PreActResidual, PreActProjection, InvertedResidual)
"""With a branch F and a sum."""


@dataclass(frozen=True)
class Branches:
    """Hook of a unit's F: `rate` of the images go without it."""

    rate: float

    def __call__(self, F: nn.Module, x: Any, y: Tensor) -> Tensor | None:
        return drop_path(y, self.rate) if F.training else None


@dataclass(frozen=True)
class Sums:
    """Hook of a unit: its sum loses squares. After a ReLU is as good as before: squares are 0 and the rest grows."""

    squares: DropBlock

    def __call__(self, unit: nn.Module, x: Any, y: Tensor) -> Tensor | None:
        return drop_block(y, self.squares) if unit.training else None


H = TypeVar("H", Branches, Sums)


def hook_of(module: nn.Module, kind: type[H]) -> H | None:
    """The one of that kind that `module` has."""
    return next((hook for hook in module._forward_hooks.values() if isinstance(hook, kind)), None)


def _set(module: nn.Module, kind: type[H], hook: H | None) -> None:
    """In place of the one there was."""
    for key in [key for key, own in module._forward_hooks.items() if isinstance(own, kind)]:
        del module._forward_hooks[key]
    if hook is not None:
        module.register_forward_hook(hook)


def set_stochastic_depth(network: nn.Module, rate: float) -> int:
    """The units' branches are left out at rates from 0, the first, to `rate`, the last; 0 ends it. How many units there
    are. InputError unless 0 ≤ rate < 1.
    """
    if not 0.0 <= rate < 1.0:
        raise InputError(f"drop-path is the share of branches left out in the last unit, 0 to below 1, not {rate}")
    units = residual_units(network)
    for unit, own in zip(units, rising(rate, len(units)), strict=True):
        _set(_branch(unit), Branches, Branches(own) if own > 0 else None)
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
            _set(unit, Sums, Sums(DropBlock(rate * share, size)) if rate > 0 else None)
            count += 1
    return count


def residual_units(network: nn.Module) -> list[nn.Module]:
    """From input to output."""
    return [part for part in network.modules() if isinstance(part, UNITS)]


def _branch(unit: nn.Module) -> nn.Module:
    return unit.get_submodule("F")
