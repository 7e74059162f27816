"""The curves of evaluations, e.g. the error over the size of an attack, by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixup_multi.report.evaluations import evaluation_headings
from mixup_multi.report.group import Group
from mixup_multi.report.layout import Row
from mixup_multi.report.statistics import deviation


@dataclass(frozen=True)
class AskedCurve:
    """One curve of one column: means and sample deviations (0 for one cell) at `x`."""

    column: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]
    counts: tuple[int, ...]


def asked_curves(group: Group, row: Row) -> dict[str, list[AskedCurve]]:
    """Return the curves of a row by title, those of all columns together."""
    found: dict[str, list[AskedCurve]] = {}
    for canonical, heading in evaluation_headings(group).items():
        for column in group.columns:
            records = [
                record
                for cell in group.at(row, column)
                for record in cell.evaluations
                if record["canonical"] == canonical
            ]
            for name in dict.fromkeys(name for record in records for name in record["curves"]):
                curves = [record["curves"][name] for record in records if name in record["curves"]]
                title = f"{heading}: {name}"
                found.setdefault(title, []).append(_mean_curve(column, curves))
    return found


def _mean_curve(column: str, curves: Sequence[Mapping[str, Any]]) -> AskedCurve:
    """Return the mean of curves, at each x that any of them has; what is NaN counts as absent."""
    at: dict[float, list[float]] = {}
    for curve in curves:
        for x, y in zip(curve["x"], curve["y"], strict=True):
            if np.isfinite(y):
                at.setdefault(float(x), []).append(float(y))
    places = tuple(sorted(at))
    return AskedCurve(
        column,
        str(curves[0]["x_label"]),
        str(curves[0]["y_label"]),
        places,
        tuple(float(np.mean(at[x])) for x in places),
        tuple(deviation(at[x]) or 0.0 for x in places),
        tuple(len(at[x]) for x in places),
    )
