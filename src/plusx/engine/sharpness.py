"""Sharpness-aware minimisation: the gradient is that of the worst neighbour.

SAM: Foret et al. 2021 (arXiv 2010.01412, algorithm 1). ASAM: Kwon et al. 2021 (arXiv 2102.11600, algorithm 1).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from plusx.core.errors import InputError, NonFiniteLossError
from plusx.engine.optimizers.optimizer import check_positive, check_range
from plusx.engine.placement import Placement

ETA: Final = 0.01
"""η of ASAM (section 5 there): what a weight counts as at least."""
SMALLEST: Final = 1e-12
"""What a norm is at least when it is divided by."""


@dataclass(frozen=True)
class Sharpness:
    """e = ρ·g / ‖g‖; the step is made from w with the gradient at w + e, of the same images.

    ρ = rho. adaptive: ASAM, e = ρ·t²·g / ‖t·g‖ with t = |w| + η, and t = 1 for biases; its authors take ρ = 0.5 to 1,
    and those of SAM 0.05. every: only each so manieth step, the first among them, is made so. A step costs two.
    """

    rho: float = 0.05
    adaptive: bool = False
    every: int = 1

    def __post_init__(self) -> None:
        check_positive("Sharpness.rho", self.rho)
        check_range("Sharpness.every", self.every, 1, float("inf"))

    def due(self, step: int) -> bool:
        """Whether `step` (from 0) is one of them."""
        return step % self.every == 0


def check_sharpness(sharpness: Sharpness | None, placement: Placement) -> None:
    """InputError where the gradients are scaled: their overflow, which fp16 begins with, would move the weights."""
    if sharpness is not None and placement.precision == "fp16":
        raise InputError(
            "SAM with fp16 scaling: the first steps of a scaled run overflow on purpose, and SAM would move the "
            "weights by gradients that are infinite. Take --precision bf16 or fp32, or leave --sam away."
        )


@contextmanager
def climbed(module: nn.Module, sharpness: Sharpness) -> Iterator[None]:
    """Inside, the weights of `module` are w + e for the gradients that they have; afterwards they are w, bit by bit."""
    biases = {id(layer.bias) for layer in module.modules() if isinstance(getattr(layer, "bias", None), nn.Parameter)}
    moved = [parameter for parameter in module.parameters() if parameter.grad is not None]
    with torch.no_grad():
        kept = [parameter.detach().clone() for parameter in moved]
        free = [not sharpness.adaptive or id(parameter) in biases for parameter in moved]
        for parameter, change in zip(moved, _changes(moved, free, sharpness.rho), strict=True):
            parameter.add_(change)
    try:
        yield
    except NonFiniteLossError as error:
        moved_by = (
            f"It was SAM's second pass, with weights moved by {sharpness.rho:g}: a smaller radius (--sam) may do."
        )
        raise NonFiniteLossError(f"{error} {moved_by}") from None
    finally:
        with torch.no_grad():
            torch._foreach_copy_([*moved], kept)


def _changes(moved: Sequence[nn.Parameter], free: Sequence[bool], rho: float) -> list[Tensor]:
    """e of each; where it is `free`, t is 1."""
    scaled: list[Tensor] = []
    for parameter, plain in zip(moved, free, strict=True):
        assert parameter.grad is not None
        scaled.append(parameter.grad if plain else parameter.grad * (parameter.abs() + ETA))
    share = rho / (nn.utils.get_total_norm(scaled) + SMALLEST)
    return [
        gradient * share if plain else gradient * (parameter.abs() + ETA) * share
        for parameter, gradient, plain in zip(moved, scaled, free, strict=True)
    ]
