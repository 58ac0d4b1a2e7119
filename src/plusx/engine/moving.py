"""The optimizer of a run: made of its plan, and put back as a checkpoint holds it."""

from typing import Any

import torch

from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.engine.groups import parameter_groups
from plusx.engine.momentum import check_movable
from plusx.engine.network import Network
from plusx.engine.optimizers.stepwise import Stepwise
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.restriding import restride
from plusx.engine.sharpness import check_sharpness

KERNELS = ("fused", "foreach")
"""How torch's optimizers compute; not what."""


def optimizer_of(task: Task, plan: Plan, placement: Placement, network: Network) -> torch.optim.Optimizer:
    """Of the parameters that learn. InputError where the plan does not go with the placement."""
    check_sharpness(plan.sharpness, placement)
    optimizer = network.suited(plan.optimizer.build(parameter_groups(task, plan)))
    if placement.sharded:
        check_divisible(plan, optimizer)
    if plan.momentum(plan.frozen_epochs, 1) is not None:
        check_movable(optimizer)
    return optimizer if plan.lookahead is None else plan.lookahead.wrap(optimizer)


def put_back(optimizer: torch.optim.Optimizer, state: dict[str, Any], network: Network) -> None:
    """The state of a checkpoint, laid out as its parameters; how the optimizer computes stays."""
    ways = [{way: group[way] for way in KERNELS if way in group} for group in optimizer.param_groups]
    network.load_optimizer(optimizer, state)
    for group, way in zip(optimizer.param_groups, ways, strict=True):  # the checkpoint brings its own
        group.update(way)
    restride(optimizer)


def check_divisible(plan: Plan, optimizer: torch.optim.Optimizer) -> None:
    """InputError for what needs whole tensors, where every process has a part of each."""
    needs = {
        f"the optimizer {type(plan.optimizer).__name__}": isinstance(optimizer, Stepwise),
        "Lookahead": plan.lookahead is not None,
        "SAM": plan.sharpness is not None,
        "gradient centralisation": plan.centralise,
        "adaptive clipping": plan.adaptive_clip is not None,
        "the anchor to the starting weights (L2-SP)": plan.anchor is not None,
    }
    found = [name for name, needed in needs.items() if needed]
    if found:
        raise InputError(
            f"--shard-model divides every tensor over the processes, and {', '.join(found)} would need whole ones. "
            "Leave --shard-model away, or train with AdamW or SGD alone."
        )
