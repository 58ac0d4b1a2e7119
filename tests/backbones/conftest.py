"""What the tests of backbones share: which networks stand for all, and networks as after some training."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from plusx.backbones.catalogue import architecture, architectures, card, cards
from plusx.backbones.create import build
from plusx.core.backbone import Backbone

Form = tuple[str, tuple[tuple[str, Any], ...]]
"""An architecture and changes to its settings."""


def smallest(names: list[str]) -> str:
    return min(names, key=lambda name: architecture(name).multiply_adds)


def _forms() -> list[Form]:
    """The cheapest network of every paper's file, and of every way in which published weights build one."""
    cheapest: dict[tuple[str, tuple[tuple[str, Any], ...]], list[str]] = {}
    for name in architectures():
        cheapest.setdefault((architecture(name).module, ()), []).append(name)
    for found in map(card, cards()):
        build_of = tuple(sorted(found.build.items()))
        cheapest.setdefault((architecture(found.architecture).module, build_of), []).append(found.architecture)
    return sorted((smallest(names), settings) for (_, settings), names in cheapest.items())


def shallow(name: str) -> dict[str, Any]:
    """Depths of two at the most, where they are a setting: enough to see every kind of block and every seam."""
    settings, changes = architecture(name).settings, dict[str, Any]()
    if "depths" in settings:
        changes["depths"] = tuple(min(2, depth) for depth in settings["depths"])
    if "n" in settings:
        changes["n"] = 2
    return changes


def _of_default(form: Form) -> Any:
    """Graphs are recorded slowly: those of the builds of published weights are marked slow."""
    return pytest.param(form, marks=pytest.mark.slow) if form[1] else form


FORMS = _forms()


def _called(form: Form) -> str:
    return "-".join([form[0], *(f"{key}={value}" for key, value in form[1])])


@pytest.fixture(params=FORMS, ids=_called)
def form(request: pytest.FixtureRequest) -> Form:
    return request.param


@pytest.fixture(params=[_of_default(form) for form in FORMS], ids=_called)
def recorded(request: pytest.FixtureRequest) -> Form:
    """As `form`, for tests that record graphs."""
    return request.param


@pytest.fixture(scope="session")
def made() -> Callable[..., Backbone]:
    def make(form: Form, **settings: Any) -> Backbone:
        """Two blocks a stage at the most; statistics and gains as after some training; the same every time."""
        torch.manual_seed(0)
        backbone = build(form[0], **{**shallow(form[0]), **dict(form[1]), **settings})
        for part in backbone.modules():
            if isinstance(part, nn.BatchNorm2d):
                assert part.running_mean is not None
                assert part.running_var is not None
                nn.init.uniform_(part.weight, 0.5, 1.0)
                nn.init.uniform_(part.running_mean, -0.1, 0.1)
                nn.init.uniform_(part.running_var, 0.5, 1.5)
        return backbone

    return make
