"""Backbones and models by name, with or without published weights."""

from collections.abc import Sequence

from plusx.core.backbone import Backbone
from plusx.core.card import Card
from plusx.core.task import Task


def list_models(pattern: str = "*") -> list[str]:
    """Sorted names of architectures that match a shell pattern such as `resnet*`."""
    raise NotImplementedError


def card_for(name: str, weights: str | None = None) -> Card | None:
    """The card that `name` and `weights` mean; None for no weights or a local file without card.

    `name`: an architecture, or architecture and tag (`resnet50.a1_in1k`). `weights`: None, "imagenet" (best
    permissive card), a card's name, a tag, or the path of a local file. Raises `InputError` for unknown names.
    """
    raise NotImplementedError


def create_backbone(
    name: str, *, weights: str | None = None, in_channels: int = 3, output_stride: int = 32
) -> Backbone:
    """A backbone by name, with weights where asked; arguments as for `create_model`.

    `output_stride`: 32, 16 or 8 input pixels per pixel of the last stage.
    """
    raise NotImplementedError


def create_model(
    name: str,
    *,
    task: str = "classify",
    classes: int | Sequence[str] = 1000,
    weights: str | None = None,
    in_channels: int = 3,
) -> Task:
    """A task on a backbone; its `forward(images)` gives outputs (B, classes).

    `weights`: None, "imagenet", a card's name, a tag, or the path of a local file in any layout. `classes`: their
    number or names. Other classes than those of the weights get a new head, another number of channels an adapted
    first convolution; both are said on the logger `plusx`. Raises `WeightsError` where anything else differs.
    """
    raise NotImplementedError
