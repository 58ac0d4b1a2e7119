"""Task: backbone and head, loss, decoding and metrics. Knows nothing of devices, checkpoints or epochs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self, overload

from torch import Tensor, nn

from plusx.core.backbone import Backbone
from plusx.core.details import Details
from plusx.core.prediction import Prediction
from plusx.core.registry import Registry
from plusx.core.remembered import Remembered
from plusx.core.view import View


class Metrics(Protocol):
    """Counts over batches what the task is judged by."""

    primary: str  # the name that best-checkpoint and early stopping go by
    higher_is_better: bool

    def update(self, outputs: Tensor, targets: Tensor, views: Sequence[View] = ()) -> None:
        """outputs as `Task.forward(images)` gives them, targets and views as in `Batch`."""
        ...

    def merge(self, other: Self) -> None:
        """Adds what `other`, of an equal task, has counted, as if its images had come after one's own.

        Counters travel between processes as pickles: their state holds no part of the task.
        """
        ...

    def compute(self) -> dict[str, float]:
        """Name → value over all that was counted."""
        ...

    def details(self) -> Details:
        """The tables and points behind the values, for the report."""
        ...


class Task(nn.Module, ABC):
    """`backbone` and `head` are submodules; everything that trains or exports goes through these methods."""

    name: ClassVar[str]
    dense: ClassVar[bool] = False  # outputs have places in the image, and are too many to be kept for a whole data set
    remembered: Remembered | None = None  # of each training image, where the loss goes by it
    backbone: Backbone
    head: nn.Module

    @overload
    def forward(self, images: Tensor) -> Tensor: ...
    @overload
    def forward(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]: ...
    @abstractmethod
    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """Without targets the outputs (tensors only, exportable); with targets the named losses, each a scalar."""

    @abstractmethod
    def decode(self, outputs: Tensor, view: View | None = None) -> Tensor:
        """Outputs in the user's terms; becomes part of exported files.

        Probabilities (B, classes); values (B, K); boxes (B, D, 6): x1, y1, x2, y2, score, label, and score 0 where
        there are no more; class indices of all pixels (B, H, W), or bool for each
        class (B, K, H, W). Places are those of the images behind `view`, which
        all B share; without one those of the input.
        """

    def scores(self, outputs: Tensor, view: View | None = None) -> Tensor | None:
        """What a map of classes is decided by, (B, classes, H, W) logits, places as in `decode`; it gives `decode` the
        same as `outputs` with their `view`. None of tasks that have no such map."""
        return None

    @abstractmethod
    def predict(self, outputs: Tensor, names: Sequence[str], view: View | None = None) -> list[Prediction]:
        """Decoded predictions, one per image; `view` as in `decode`."""

    @abstractmethod
    def metrics(self) -> Metrics:
        """A fresh counter."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """JSON values from which `tasks.create` builds an equal task on an equal backbone."""


class TaskFactory(Protocol):
    """Builds a task on a backbone from the values of `Task.config`."""

    def __call__(self, backbone: Backbone, config: Mapping[str, Any]) -> Task: ...


TASKS: Registry[TaskFactory] = Registry("task")
