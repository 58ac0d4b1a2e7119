"""Steps whose loss is not finite, when the run shall go on without them: how many, and what is said."""

from typing import Final, Literal

from plusx.core.errors import NonFiniteLossError
from plusx.engine.state import State

NonFinite = Literal["stop", "skip"]

IN_A_ROW: Final = 3
"""Steps that may follow each other: more, and it is the weights, not the batch."""

SHARE: Final = 0.02
"""Of an epoch's steps; as many as IN_A_ROW may be in any case, but never all."""


def allowed(steps_per_epoch: int) -> int:
    """Steps of an epoch that may be skipped."""
    return min(max(IN_A_ROW, int(SHARE * steps_per_epoch)), steps_per_epoch - 1)


def check_skipping(error: NonFiniteLossError, where: str, way: NonFinite, state: State, steps: int) -> None:
    """Raises NonFiniteLossError where the step of `error` may not be skipped. steps: of an epoch."""
    if way == "stop":
        raise NonFiniteLossError(f"{error}{where}") from None
    why = ""
    if state.skipped_in_a_row >= IN_A_ROW:
        why = f"{IN_A_ROW} steps before it were skipped already, one after the other"
    elif state.skipped >= (most := allowed(steps)):
        why = f"{most} of the {steps} steps of an epoch may be skipped"
    if why:
        raise NonFiniteLossError(f"{error}{where} It is not skipped: {why}.") from None


def skipping_note(error: NonFiniteLossError, where: str, state: State, steps: int) -> str:
    """What the user is told of a step that was skipped, which `state` counts already."""
    cause = str(error).partition("; expected")[0].partition(". The step")[0]
    return f"Skipped: {cause}. {state.skipped} of at most {allowed(steps)} steps of this epoch.{where}"
