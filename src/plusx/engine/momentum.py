"""The optimizer's momentum, where the schedule moves it: `momentum` of SGD and its kin, β1 of Adam and its."""

from torch.optim import Optimizer

from plusx.core.errors import InputError


def move(optimizer: Optimizer, momentum: float) -> None:
    """For the steps to come."""
    for group in optimizer.param_groups:
        if "momentum" in group:
            group["momentum"] = momentum
        if "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])


def check_movable(optimizer: Optimizer) -> None:
    """InputError where it has no momentum, or was asked to go without."""
    for group in optimizer.param_groups:
        if not (group.get("momentum") or group.get("betas")):
            raise InputError(
                f"The schedule one-cycle moves the momentum, and this {type(optimizer).__name__} has none. Take "
                "another schedule, or OneCycle(momentums=None)."
            )
