"""Every task by name. Importing this file is what fills `core.task.TASKS`."""

from collections.abc import Mapping
from typing import Any, Final

from plusx.core.backbone import Backbone
from plusx.core.sample import Kind
from plusx.core.task import TASKS, Task
from plusx.tasks import classify, multilabel, multilabel_segment, regress, segment

__all__ = ["TASK_OF_KIND", "WITH_HEADS", "classify", "create", "multilabel", "multilabel_segment", "regress"]
__all__ += ["segment"]

TASK_OF_KIND: Mapping[Kind, str] = {
    "label": "classify",
    "labels": "multilabel",
    "value": "regress",
    "boxes": "detect",
    "mask": "segment",
    "masks": "multilabel-segment",
}
"""Which task learns which kind of target."""


WITH_HEADS: Final = ("detect", "segment", "multilabel-segment")
"""Tasks whose targets have a place in the image: several heads learn them."""


@TASKS.register("detect")
def _detect(backbone: Backbone, config: Mapping[str, Any]) -> Task:
    return _module("detect").create(backbone, config)


def heads_of(task: str) -> Mapping[str, Any]:
    """By name, of one of `WITH_HEADS`."""
    return _module(task).HEADS


def create(name: str, backbone: Backbone, config: Mapping[str, Any]) -> Task:
    """The task `name` on `backbone`, from values as `Task.config` gives them.

    InputError for an unknown task (with the nearest names), an unknown or missing setting, or a value out of range.
    """
    return TASKS[name](backbone, config)


def output_stride(name: str, head: str | None) -> int:
    """Input pixels between the points of the last map that the task's head wants; `head` None: its usual one.

    InputError with the nearest names for an unknown head.
    """
    return _module(name).head_of(head).output_stride if name in WITH_HEADS else 32


def _module(task: str) -> Any:
    """Where the heads of one of `WITH_HEADS` are."""
    if task != "detect":
        return segment
    from plusx.tasks import detect  # torchvision's operations take a second or two to import

    return detect
