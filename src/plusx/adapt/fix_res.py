"""FixRes: the head and the last normalisation, tuned at the size at which images are shown afterwards.

Touvron, Vedaldi, Douze and Jégou 2019, "Fixing the train-test resolution discrepancy", arXiv 1906.06423: random crops
show things larger than centre crops do, so a network does best on test images larger than its training crops; at that
size the statistics of the last maps are others, which a short training of these two parts puts right (section 4).
"""

from torch import nn

from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.engine.modes import NORMS, set_learning


def fix_res(model: nn.Module, head: nn.Module | None = None) -> list[nn.Parameter]:
    """From now on the head and the last normalisation before it learn; all else is in eval mode and has no gradients.

    head: None: that of a plusx task. Train for an epoch or few at the test size, with test-like crops and a small rate;
    call it again after `model.train()`. Returns the parameters that learn. InputError for another network without
    `head`, and for one that has no normalisation before it.
    """
    if head is None:
        if not isinstance(model, Task):
            raise InputError(f"{type(model).__name__} is no plusx task: say which module is its head, as model.fc.")
        head = model.head
    inside = set(head.modules())
    norms = [module for module in model.modules() if isinstance(module, NORMS) and module not in inside]
    if not norms:
        raise InputError(f"{type(model).__name__} has no normalisation before its head: there is nothing to tune.")
    model.eval()
    learning = [*norms[-1].parameters(), *head.parameters()]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for part in (norms[-1], head):
        set_learning(part, part.parameters(), ())
    return learning
