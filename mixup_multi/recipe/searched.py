"""What a search has to do with a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Point = Mapping[str, Any]
"""A value for each searched setting, by the setting's path in the recipe."""


@dataclass(frozen=True)
class Searched:
    """What a search has to do with a cell.

    Attributes:
        point: the searched settings' values.
        final: whether the point was chosen; the cells of other points are in no table.
        told: of a chosen point, what was searched and how, as plain values for the report.
    """

    point: Point
    final: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the point as `alpha=0.4, train.lr=0.01`."""
        return ", ".join(f"{short_path(path)}={value}" for path, value in self.point.items())


def short_path(path: str) -> str:
    """Return a path without the method's label, which stands beside it.

    >>> short_path("methods.mixup 0.1.alpha"), short_path("train.lr")
    ('alpha', 'train.lr')
    """
    return path if path.startswith("train.") else path.rpartition(".")[2]
