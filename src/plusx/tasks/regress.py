"""One or several real numbers an image: squared error on standardised values, results in the user's unit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.prediction import Prediction, ValuePrediction
from plusx.core.task import TASKS, Task
from plusx.core.view import View
from plusx.nn.heads import PooledLinear
from plusx.nn.losses.squared_error import squared_error
from plusx.tasks import settings
from plusx.tasks.metrics.regress import RegressMetrics


@dataclass(frozen=True)
class RegressConfig:
    """`columns`: names of the values. `mean`, `std`: one a column, of the training targets in the user's unit; a
    standard deviation of 0 (all targets equal) counts as 1. Left out: 0 and 1.
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    dropout: float = 0.0

    def __post_init__(self) -> None:
        settings.check_names("regress", "columns", self.columns)
        settings.check_share("regress", "dropout", self.dropout)
        for what, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != len(self.columns):
                raise InputError(
                    f"The task regress has {len(self.columns)} columns but {len(values)} values for {what}; "
                    "give one a column"
                )
            if values is not None and not all(map(math.isfinite, values)):
                raise InputError(f"The task regress needs finite numbers for {what}, not {values}")
        if self.std is not None and min(self.std) < 0:
            raise InputError(f"The task regress needs std of at least 0, not {self.std}")


class Regress(Task):
    """Outputs are standardised values (B, K); decoded, values in the user's unit.

    The network computes in 32 bits, which resolve a standardised value to some 1e-7; the user's unit needs 64 where
    the values lie far from 0 beside their spread, such as seconds since 1970.
    """

    name = "regress"

    def __init__(self, backbone: Backbone, config: RegressConfig) -> None:
        super().__init__()
        self.backbone = backbone
        self.last = backbone.stages[-1]
        self.head = PooledLinear(self.last.channels, len(config.columns), config.dropout, backbone.hidden)
        self.settings = config
        mean = config.mean or (0.0,) * len(config.columns)
        std = config.std or (1.0,) * len(config.columns)
        # No buffers: those would follow the module into 32 bits, or to a device that has no others.
        self.mean = torch.tensor(mean, dtype=torch.float64)
        self.std = torch.tensor([s or 1.0 for s in std], dtype=torch.float64)

    @overload
    def forward(self, images: Tensor) -> Tensor: ...
    @overload
    def forward(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]: ...
    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """targets: (B, K) in the user's unit, float64 to keep what float32 cannot tell apart. Loss part: squared-error,
        of standardised values.
        """
        outputs = self.head(self.backbone(images)[self.last.name])
        if targets is None:
            return outputs
        return {"squared-error": squared_error(outputs, self._standardised(targets))}

    def _standardised(self, targets: Tensor) -> Tensor:
        """(B, K), as exactly as the targets are given."""
        targets = targets if targets.dtype == torch.float64 else targets.float()
        return (targets - self.mean.to(targets)) / self.std.to(targets)

    def decode(self, outputs: Tensor, view: View | None = None) -> Tensor:
        """Values (B, K) in the user's unit: float64, and so on the CPU, as not every device has that."""
        return outputs.cpu().double() * self.std + self.mean

    def predict(self, outputs: Tensor, names: Sequence[str], view: View | None = None) -> list[Prediction]:
        rows = self.decode(outputs).tolist()
        return [ValuePrediction.of(name, self.settings.columns, row) for name, row in zip(names, rows, strict=True)]

    def metrics(self) -> RegressMetrics:
        return RegressMetrics(self.settings.columns, self.mean.tolist(), self.std.tolist())

    def config(self) -> dict[str, Any]:
        return settings.to_json(self.settings)


def create(backbone: Backbone, config: Mapping[str, Any]) -> Task:
    """`Regress` from JSON values."""
    return Regress(backbone, settings.read(RegressConfig, "regress", config))


TASKS.register("regress")(create)
