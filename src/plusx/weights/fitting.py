"""Which architectures have the tensors that a file holds. For errors: networks are built, though on no device."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

import torch

from plusx.backbones.catalogue import Architecture, architecture, architectures
from plusx.backbones.create import build
from plusx.core.errors import WeightsError
from plusx.weights.importing import place
from plusx.weights.local import Loaded, settings_of
from plusx.weights.matching import Mismatch

_WIDEST_HEAD: Final = 2600
"""More than the weights of any classifier, for each of its outputs."""


def fitting(loaded: Loaded) -> list[str]:
    """The architectures with tensors of these names and shapes, in words: `resnet18`, `resnet18 with small_input=True`.

    Heads, input channels and dtypes may differ.
    """
    found = []
    for wanted in candidates(loaded):
        usual = settings_of(loaded, wanted)
        if usual is not None:
            forms = (form for form in _forms(wanted) if _fits(loaded, wanted.name, {**usual, **form}))
            found += [labelled(wanted.name, form) for form in itertools.islice(forms, 1)]
    return found


def misfit(loaded: Loaded, asked: str, mismatch: Mismatch) -> WeightsError:
    """The error for a file whose tensors are not those of the network; `asked`: that network, `labelled`."""
    found = fitting(loaded)
    if asked in found:
        advice = f"Its layers are those of {asked}; mend what is listed, or take another file."
    elif found:
        that = "one of them" if found[1:] else "that"
        advice = f"Its tensors are those of {either(found)}. Name {that} instead of {asked}, or take another file."
    else:
        advice = "They are those of no other architecture of plusx. Take another file."
    path = loaded.checkpoint.path
    return WeightsError(f"{path} does not fit {asked}; nothing was loaded.\n{mismatch}\n{advice}")


def labelled(name: str, changes: Mapping[str, Any]) -> str:
    """An architecture and what is changed in it."""
    return f"{name} with {', '.join(f'{key}={value!r}' for key, value in changes.items())}" if changes else name


def either(found: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return " or ".join([", ".join(found[:-1]), found[-1]] if found[1:] else found)


def candidates(loaded: Loaded) -> Iterator[Architecture]:
    """Those of the families that are named so whose size is not out of question, which spares building them all.

    The file counts statistics too, up to a third of what is trained; its head has as many outputs as it likes.
    """
    tensors, is_head = loaded.checkpoint.tensors, loaded.layout.is_head
    numbers = sum(tensor.numel() for name, tensor in tensors.items() if not is_head(name))
    least = numbers / 1.35 - _WIDEST_HEAD * (loaded.head or 0)
    for found in map(architecture, architectures()):
        most = 1.1 * numbers + _WIDEST_HEAD * found.outputs
        if (not loaded.layout.modules or found.module in loaded.layout.modules) and least <= found.parameters <= most:
            yield found


def _forms(wanted: Architecture) -> list[dict[str, Any]]:
    """Changes of settings under which a file goes round."""
    return [{}, {"small_input": True}] if wanted.settings.get("small_input") is False else [{}]


def _fits(loaded: Loaded, name: str, settings: Mapping[str, Any]) -> bool:
    with torch.device("meta"):
        backbone = build(name, **settings)
    expected = {f"backbone.{key}": tensor for key, tensor in backbone.state_dict().items()}
    return not place(expected, loaded.checkpoint.tensors, loaded.layout, same_dtype=False).mismatch
