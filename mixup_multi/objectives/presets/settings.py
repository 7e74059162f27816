"""What several methods' settings have in common."""

from __future__ import annotations

from typing import Literal

LossName = Literal["softmax", "sigmoid", "softmax_bce"]
Points = str | tuple[str, ...]


def names_of(points: Points) -> tuple[str, ...]:
    """Return one name, or several, as a tuple."""
    return (points,) if isinstance(points, str) else tuple(points)
