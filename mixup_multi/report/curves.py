"""Learning curves: what was recorded after every epoch, over the trials of a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixup_multi.report.cells import FinishedCell
from mixup_multi.report.group import Group
from mixup_multi.report.layout import Row
from mixup_multi.report.statistics import deviation

WATCHED = {
    "train_loss": "training loss",
    "train_error": "training error %",
    "validation_error": "validation error %",
    "test_error": "test error %",
}


@dataclass(frozen=True)
class Curve:
    """One quantity of one column: `means` and sample deviations (0 for one cell) at `epochs`."""

    column: str
    quantity: str
    epochs: tuple[int, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]
    counts: tuple[int, ...]


def curves(group: Group, row: Row) -> list[Curve]:
    """Return the curves of a row, by quantity and column."""
    return [
        curve
        for quantity in WATCHED
        for column in group.columns
        if (curve := _curve(group.at(row, column), column, quantity)) is not None
    ]


def _curve(cells: Sequence[FinishedCell], column: str, quantity: str) -> Curve | None:
    at: dict[int, list[float]] = {}
    for cell in cells:
        for record in cell.history:
            if isinstance(value := record.get(quantity), int | float) and np.isfinite(value):
                at.setdefault(int(record.get("epoch", 0)), []).append(float(value))
    if not at:
        return None
    epochs = tuple(sorted(at))
    return Curve(
        column=column,
        quantity=quantity,
        epochs=epochs,
        means=tuple(float(np.mean(at[epoch])) for epoch in epochs),
        spreads=tuple(deviation(at[epoch]) or 0.0 for epoch in epochs),
        counts=tuple(len(at[epoch]) for epoch in epochs),
    )
