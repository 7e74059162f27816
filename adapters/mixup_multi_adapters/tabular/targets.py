"""What is predicted: classes, or a number, which is standardised by the training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mixup_multi.engine.splits import Rows, check_all_classes
from mixup_multi.errors import DataError

from .table import Table

REGRESSION_NOTE = (
    "regression of standardised targets: an error is the mean squared error in percent of the"
    " training targets' variance, 100 (1 - R^2)"
)


@dataclass(frozen=True)
class Targets:
    """How a table's targets are given to a model.

    Attributes:
        loss: the loss that fits them.
        centre: the training mean of a number to predict.
        spread: its training standard deviation (of all rows, not n - 1).
    """

    loss: str = "softmax"
    centre: float = 0.0
    spread: float = 1.0

    def apply(self, table: Table, rows: Rows) -> Tensor:
        """Return class indices `(n,)` int64, or standardised numbers `(n, 1)` float32."""
        if table.task == "classification":
            return torch.from_numpy(table.labels[rows])
        standardised = (table.labels[rows] - self.centre) / self.spread
        return torch.from_numpy(standardised).float()[:, None]


def groups_of(table: Table) -> Rows:
    """Return what rows are stratified by, `(N,)`: their classes; all alike in a regression."""
    if table.task == "classification":
        return table.labels
    return np.zeros(len(table.labels), dtype=np.int64)


def fit_targets(name: str, table: Table, train: Rows) -> Targets:
    """Return how targets are given, as the rows `train` tell.

    Raises:
        DataError: a class has no training row, or the number to predict does not vary in them.
    """
    if table.task == "classification":
        check_all_classes(name, table.labels[train], table.classes)
        return Targets()
    values = table.labels[train]
    spread = float(values.std())
    if values.min() == values.max() or not 0 < spread < float("inf"):
        raise DataError(
            f"{name}: the target {table.classes[0]!r} has the standard deviation {spread:g} in the"
            f" {len(train)} training rows; regression expects numbers that vary, within float64."
            " Choose another target, or give training a larger share."
        )
    return Targets("squared", float(values.mean()), spread)
