"""Every task by name. Importing this file is what fills `core.task.TASKS`."""

from collections.abc import Mapping
from typing import Any

from plusx.core.backbone import Backbone
from plusx.core.sample import Kind
from plusx.core.task import TASKS, Task
from plusx.tasks import classify, detect, multilabel, multilabel_segment, regress, segment

__all__ = ["HEADS_OF", "TASK_OF_KIND", "classify", "create", "detect", "multilabel", "multilabel_segment", "regress"]
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

HEADS_OF: Mapping[str, Mapping[str, Any]] = {
    "detect": detect.HEADS,
    "segment": segment.HEADS,
    "multilabel-segment": segment.HEADS,
}
"""Task whose targets have a place in the image → its heads by name."""


def create(name: str, backbone: Backbone, config: Mapping[str, Any]) -> Task:
    """The task `name` on `backbone`, from values as `Task.config` gives them.

    InputError for an unknown task (with the nearest names), an unknown or missing setting, or a value out of range.
    """
    return TASKS[name](backbone, config)


def output_stride(name: str, head: str | None) -> int:
    """Input pixels between the points of the last map that the task's head wants; `head` None: its usual one.

    InputError with the nearest names for an unknown head.
    """
    match name:
        case "segment" | "multilabel-segment":
            return segment.head_of(head).output_stride
        case "detect":
            return detect.head_of(head).output_stride
    return 32
