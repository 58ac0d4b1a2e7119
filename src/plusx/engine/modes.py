"""Which modules learn and which statistics move: freezing, and BatchNorm (Ioffe and Szegedy 2015) kept sane.

A batch of one image has no statistics worth the name (and BatchNorm refuses it where a map has one pixel): such a
batch, be it the last of an epoch, goes through the running statistics and leaves them as they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import nn

from plusx.core.task import Task

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
NORMS = (*BATCH_NORMS, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)
FEW = 8
"""Below this many images a batch's statistics are noisy (Wu and He 2018, figure 1: the error rises from 8 down)."""


@contextmanager
def preserved_modes(module: nn.Module) -> Iterator[None]:
    """Every submodule's train or eval mode is afterwards what it was before."""
    modes = [(child, child.training) for child in module.modules()]
    try:
        yield
    finally:
        for child, training in modes:
            child.training = training


@contextmanager
def preserved_learning(module: nn.Module) -> Iterator[None]:
    """Every parameter's `requires_grad` is afterwards what it was before."""
    flags = {name: parameter.requires_grad for name, parameter in module.named_parameters()}
    try:
        yield
    finally:
        for name, parameter in module.named_parameters():  # which may be others by now
            parameter.requires_grad_(flags[name])


def batch_norms(module: nn.Module) -> list[nn.Module]:
    """All BatchNorms inside, in order."""
    return [child for child in module.modules() if isinstance(child, BATCH_NORMS)]


def set_phase(task: Task, learning: Sequence[nn.Parameter], *, stages: int, frozen_norm: bool) -> None:
    """Train mode for `task`; of the parameters in `learning`, those of the head and of the backbone's last `stages`
    stages learn.

    With `frozen_norm` the backbone's BatchNorms are in eval mode everywhere.
    """
    parts = [part for _, part in task.backbone.parts()]
    set_learning(task, learning, [task.backbone] if stages == 0 else parts[: max(0, len(parts) - stages)])
    if frozen_norm:
        for norm in batch_norms(task.backbone):
            norm.eval()


def set_learning(module: nn.Module, learning: Iterable[nn.Parameter], still: Sequence[nn.Module]) -> None:
    """Train mode for `module`; the parameters in `learning` learn, but for those inside `still`.

    What is still is in eval mode, and where nothing in and before it asks for gradients, autograd records nothing.
    """
    module.train()
    inside: set[nn.Parameter] = set()
    for part in still:
        part.eval()
        inside.update(part.parameters())
    for parameter in learning:
        parameter.requires_grad_(parameter not in inside)


@contextmanager
def running_statistics(norms: Sequence[nn.Module]) -> Iterator[None]:
    """The norms use, and do not move, their running statistics inside."""
    modes = [norm.training for norm in norms]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm, training in zip(norms, modes, strict=True):
            norm.train(training)


@contextmanager
def part_of_batch(norms: Sequence[nn.Module], weight: float, covered: float) -> Iterator[None]:
    """For a part with the share `weight` of a batch's images, `covered` of which are done with it.

    After all parts the running statistics have moved as far as one batch moves them, to the mean of the parts' own.

    With r ← (1 − m_j) r + m_j s_j and m_j = m w_j / (1 − m + m Σ_{i ≤ j} w_i), r becomes (1 − m) r + m Σ w_j s_j.
    """
    momenta: list[Any] = [vars(norm)["momentum"] for norm in norms]
    for norm, m in zip(norms, momenta, strict=True):
        if m is not None:
            vars(norm)["momentum"] = m * weight / (1 - m + m * covered)
    try:
        yield
    finally:
        for norm, m in zip(norms, momenta, strict=True):
            vars(norm)["momentum"] = m


def of_part(
    norms: Sequence[nn.Module], part: int, done: int, whole: int, compiled: bool
) -> AbstractContextManager[None]:
    """How the norms see `part` images of a batch of `whole`, `done` of which are covered with them."""
    if part == 1:
        return running_statistics(norms)
    if part == whole or compiled:  # a compiled network would be compiled anew for each momentum
        return nullcontext()
    return part_of_batch(norms, part / whole, done / whole)


def small_batch_note(task: Task, size: int) -> str | None:
    """What the user should know when BatchNorms that move their statistics get batches of `size` images."""
    if size >= FEW or not any(norm.training for norm in batch_norms(task)):
        return None
    found = "batches of one image: BatchNorm uses its running statistics and never moves them"
    if size > 1:
        found = f"batches of {size} images: BatchNorm's statistics are noisy below {FEW}"
    return f"Training with {found}. Take a larger batch, or keep the backbone's fixed (frozen_norm, --frozen-norm)."
