"""Parameter groups: which rate and which weight decay every parameter gets."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from plusx.core.backbone import Backbone
from plusx.core.task import Task
from plusx.engine.modes import NORMS
from plusx.engine.plan import Decays, Plan


def stage_distances(backbone: Backbone) -> dict[nn.Parameter, int]:
    """Every backbone parameter's distance from the head: 1 for the last stage, one more per stage towards the input."""
    return distances([module for _, module in backbone.parts()])


def distances(stages: Sequence[nn.Module]) -> dict[nn.Parameter, int]:
    """Of every parameter in `stages`, which come from the input on, the distance from the head: 1 in the last one."""
    found: dict[nn.Parameter, int] = {}
    for distance, module in enumerate(reversed(stages), start=1):
        for parameter in module.parameters():
            found.setdefault(parameter, distance)
    return found


def parameter_groups(task: Task, plan: Plan) -> list[dict[str, Any]]:
    """One group for each (distance from the head, decayed or not), from the head on; frozen parameters are left out.

    Weight decay reaches what `decayed` says; nothing at all where the plan has an anchor in its place. Keys beside
    torch's own: `scale`, the factor of the rate for this distance, `name`, and `hidden`, which says of each parameter
    whether it is a matrix between two layers of the backbone: see `hidden_matrices`.
    """
    distances = stage_distances(task.backbone)
    hidden = hidden_matrices(task.backbone)
    reached = decayed(task, plan.decays)
    members: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for parameter in task.parameters():
        if parameter.requires_grad:
            members.setdefault((distances.get(parameter, 0), parameter in reached), []).append(parameter)
    return [
        {**_group(plan, distance, decayed, found), "hidden": [parameter in hidden for parameter in found]}
        for (distance, decayed), found in sorted(members.items(), key=lambda item: item[0])
    ]


def decayed(task: Task, decays: Decays) -> frozenset[nn.Parameter]:
    """The parameters that weight decay reaches.

    "matrices": all but norms' scale and shift and biases, which is what one-dimensional parameters are.
    "all-but-norms": biases too. "all": every one.
    """
    everything = frozenset(task.parameters())
    if decays == "matrices":
        return frozenset(parameter for parameter in everything if parameter.ndim > 1)
    norms = [layer for layer in task.modules() if isinstance(layer, NORMS)]
    return everything if decays == "all" else everything.difference(*(norm.parameters() for norm in norms))


def hidden_matrices(backbone: Backbone) -> frozenset[Tensor]:
    """The weights of all its convolutions and linear layers but the first; without depthwise convolutions."""
    layers = [layer for layer in backbone.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    return frozenset(layer.weight for layer in layers[1:] if layer.weight.shape[1] > 1)


def _group(plan: Plan, distance: int, reached: bool, parameters: list[nn.Parameter]) -> dict[str, Any]:
    scale = plan.stage_decay**distance
    return {
        "params": parameters,
        "lr": plan.optimizer.rate * scale,
        "weight_decay": plan.optimizer.weight_decay if reached and plan.anchor is None else 0.0,
        "scale": scale,
        "name": f"{distance} from the head, {'decayed' if reached else 'not decayed'}",
    }
