"""Which modules a strategy goes by: the stages of a network from its input to its head."""

from collections.abc import Sequence

from torch import nn

from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.engine.modes import set_learning


def stages_of(model: nn.Module, stages: Sequence[nn.Module] | None = None) -> list[nn.Module]:
    """Those given, from the input on and without the head; None: the stages of a plusx task's backbone.

    InputError for another network whose stages were not given, and for a module that is not inside it.
    """
    if stages is None:
        if not isinstance(model, Task):
            raise InputError(
                f"{type(model).__name__} is no plusx task: say which of its modules are its stages, from the input on "
                "and without the head, as stages=[model.layer1, model.layer2, ...]."
            )
        return [part for _, part in model.backbone.parts()]
    inside = set(model.modules())
    strange = [type(stage).__name__ for stage in stages if stage not in inside]
    if strange:
        raise InputError(f"stages: {strange[0]} is no module of this {type(model).__name__}.")
    return list(stages)


def set_stages(model: nn.Module, stages: Sequence[nn.Module], learning: int) -> None:
    """The last `learning` of `stages` learn, and all that is in none of them, such as the head; the others are in eval
    mode, so that their statistics stay, and have no gradients.

    Optimizers pass over parameters without gradients: one with all of them may be made once, at the beginning.
    """
    still = stages[: max(0, len(stages) - learning)]
    set_learning(model, model.parameters(), still)
