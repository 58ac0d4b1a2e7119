"""Every task by name. Importing this file is what fills `core.task.TASKS`."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final, final

from plusx.core.backbone import Backbone
from plusx.core.sample import Kind
from plusx.core.task import TASKS, Task
from plusx.tasks import classify, multilabel, multilabel_segment, regress, segment

__all__ = ["HEADS_OF", "TASK_OF_KIND", "classify", "create", "multilabel", "multilabel_segment", "regress", "segment"]

TASK_OF_KIND: Mapping[Kind, str] = {
    "label": "classify",
    "labels": "multilabel",
    "value": "regress",
    "boxes": "detect",
    "mask": "segment",
    "masks": "multilabel-segment",
}
"""Which task learns which kind of target."""


@TASKS.register("detect")
def _detect(backbone: Backbone, config: Mapping[str, Any]) -> Task:
    return _module("detect").create(backbone, config)


@final
class _Heads(Mapping[str, Mapping[str, Any]]):
    """Those of boxes are imported when they are asked for."""

    _modules: Final = {"detect": "detect", "segment": "segment", "multilabel-segment": "segment"}

    def __getitem__(self, task: str) -> Mapping[str, Any]:
        return _module(self._modules[task]).HEADS

    def __contains__(self, task: object) -> bool:
        return task in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


HEADS_OF: Final[Mapping[str, Mapping[str, Any]]] = _Heads()
"""Task whose targets have a place in the image → its heads by name."""


def _module(name: str) -> Any:
    """tasks.detect brings torchvision's operations along, which take a second or two to import."""
    return import_module(f"plusx.tasks.{name}")


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
            return _module("detect").head_of(head).output_stride
    return 32
