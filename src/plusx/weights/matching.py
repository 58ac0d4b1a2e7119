"""Two sets of tensors by name, and the four ways in which they can fail to match."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

_SHOWN = 6  # names per list


@dataclass(frozen=True)
class Mismatch:
    """False where everything matches. As text: one line per list that is not empty."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shapes: tuple[str, ...]
    dtypes: tuple[str, ...]

    @staticmethod
    def between(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], *, same_dtype: bool = True) -> "Mismatch":
        """`expected`: the network's tensors; `found`: the file's.

        With `same_dtype` a dtype may only differ where no bit is lost (float16 → float32); without, integers must
        be integers and real numbers real.
        """
        both = [name for name in expected if name in found]
        fits = _widens if same_dtype else _same_kind
        return Mismatch(
            tuple(name for name in expected if name not in found),
            tuple(name for name in found if name not in expected),
            tuple(
                f"{name} ({tuple(expected[name].shape)} expected, {tuple(found[name].shape)} found)"
                for name in both
                if expected[name].shape != found[name].shape
            ),
            tuple(
                f"{name} ({expected[name].dtype} expected, {found[name].dtype} found)"
                for name in both
                if not fits(found[name].dtype, expected[name].dtype)
            ),
        )

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.shapes or self.dtypes)

    def __str__(self) -> str:
        lists = {
            "missing in the file": self.missing,
            "unexpected in the file": self.unexpected,
            "shape differs": self.shapes,
            "dtype differs": self.dtypes,
        }
        return "\n".join(f"  {title} ({len(names)}): {_some(names)}" for title, names in lists.items() if names)


def _widens(found: torch.dtype, expected: torch.dtype) -> bool:
    return found == expected or (_same_kind(found, expected) and torch.promote_types(found, expected) == expected)


def _same_kind(found: torch.dtype, expected: torch.dtype) -> bool:
    return found.is_floating_point == expected.is_floating_point and found.is_complex == expected.is_complex


def _some(names: Iterable[str]) -> str:
    names = list(names)
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f", and {rest} more" if rest > 0 else "")
