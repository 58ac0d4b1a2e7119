"""Metrics of regression, in the user's unit."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from plusx.core.details import Details, Pairs
from plusx.core.view import View
from plusx.tasks.metrics import checks


class RegressMetrics:
    """mae, rmse, r2: means over the columns; with several columns also mae/NAME, rmse/NAME, r2/NAME of each.

    Primary is mae, in the user's unit and little moved by single outliers. With several columns, whose units may have
    nothing in common, it is standardised-mae: the mean of every column's error in standard deviations of its training
    targets. Lower is better for both.
    r2 = 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; left out where all targets are equal, which leaves it undefined.
    Counts in 64 bits, as values far from 0 need them; keeps 16 bytes an image and column.
    """

    higher_is_better = False

    def __init__(self, columns: Sequence[str], mean: Sequence[float], std: Sequence[float]) -> None:
        """`mean`, `std`: what outputs were standardised with."""
        self.columns = tuple(columns)
        self.primary = "mae" if len(columns) == 1 else "standardised-mae"
        self._mean = torch.tensor(mean, dtype=torch.float64)
        self._std = torch.tensor(std, dtype=torch.float64)
        self._predicted: list[Tensor] = [torch.empty(0, len(columns), dtype=torch.float64)]
        self._true: list[Tensor] = [torch.empty(0, len(columns), dtype=torch.float64)]

    def update(self, outputs: Tensor, targets: Tensor, views: Sequence[View] = ()) -> None:
        """outputs: standardised values (B, K). targets: (B, K) in the user's unit. NonFiniteOutputError for NaN."""
        self._predicted.append(checks.finite(outputs).double() * self._std + self._mean)
        self._true.append(targets.detach().cpu().double())

    def merge(self, other: Self) -> None:
        """As if the images of `other` had come after one's own."""
        self._predicted += other._predicted
        self._true += other._true

    def compute(self) -> dict[str, float]:
        """Name → value. InputError if no image was counted."""
        predicted, true = self._all()
        error = predicted - true
        mae, rmse = error.abs().mean(dim=0), error.square().mean(dim=0).sqrt()
        spread = (true - true.mean(dim=0)).square().sum(dim=0)
        r2 = 1 - error.square().sum(dim=0) / spread
        defined = r2[spread > 0]
        values = {"mae": float(mae.mean()), "rmse": float(rmse.mean())}
        if len(defined):
            values["r2"] = float(defined.mean())
        if len(self.columns) == 1:
            return values
        values["standardised-mae"] = float((mae / self._std).mean())
        for k, column in enumerate(self.columns):
            values |= {f"mae/{column}": float(mae[k]), f"rmse/{column}": float(rmse[k])}
            values |= {f"r2/{column}": float(r2[k])} if spread[k] > 0 else {}
        return values

    def details(self) -> Details:
        """Predicted against true values. InputError if no image was counted."""
        predicted, true = self._all()
        columns = enumerate(self.columns)
        return Details(
            pairs=tuple(Pairs(name, tuple(true[:, k].tolist()), tuple(predicted[:, k].tolist())) for k, name in columns)
        )

    def _all(self) -> tuple[Tensor, Tensor]:
        predicted, true = torch.cat(self._predicted), torch.cat(self._true)
        checks.some(len(true))
        return predicted, true
