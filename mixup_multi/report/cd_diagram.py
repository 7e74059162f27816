"""The critical-difference diagram of Demsar (2006, figure 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mixup_multi.report.statistics import Ranking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def cliques(ranks: Sequence[float], critical: float) -> list[tuple[float, float]]:
    """Return the widest runs of sorted ranks that lie within the critical difference."""
    ordered = sorted(ranks)
    found: list[tuple[float, float]] = []
    for start in ordered:
        end = max(rank for rank in ordered if rank - start <= critical)
        if end > start and not any(a <= start and end <= b for a, b in found):
            found.append((start, end))
    return found


def draw_diagram(figure: Figure, found: Ranking, columns: Sequence[str], ink: str) -> None:
    """Draw it: the better half of the columns is named at the left, the others at the right."""
    ax = figure.subplots()
    k = len(columns)
    bars = cliques(found.ranks, found.critical)
    _scale(ax, k, found.critical, ink)
    for place, (start, end) in enumerate(bars):
        height = -0.35 - 0.22 * place
        ax.plot([start - 0.03, end + 0.03], [height, height], color="#D55E00", linewidth=3)
    below = -0.35 - 0.22 * max(len(bars), 1)
    order = np.argsort(found.ranks, kind="stable")
    half = (k + 1) // 2
    for place, column in enumerate(order):
        left = place < half
        height = below - 0.4 * (place if left else k - 1 - place) - 0.25
        end = 1 - 0.06 * k if left else k + 0.06 * k
        rank = found.ranks[column]
        ax.plot([rank, rank, end], [0, height, height], color=ink, linewidth=0.9)
        ax.annotate(
            f"{columns[column]}  {rank:.2f}", (end, height), xytext=(-4 if left else 4, 0),
            textcoords="offset points", ha="right" if left else "left", va="center", color=ink,
        )  # fmt: skip
    ax.set_xlim(1 - 0.4 * k, k + 0.6 * k)
    ax.set_ylim(below - 0.4 * half - 0.1, 1.3)
    ax.set_axis_off()


def _scale(ax: Axes, k: int, critical: float, ink: str) -> None:
    ax.plot([1, k], [0, 0], color=ink, linewidth=1)
    for rank in range(1, k + 1):
        ax.plot([rank, rank], [0, 0.12], color=ink, linewidth=1)
        ax.text(rank, 0.2, str(rank), ha="center", va="bottom", color=ink)
    ax.plot([1, 1 + critical], [0.85, 0.85], color=ink, linewidth=1.5)
    for end in (1, 1 + critical):
        ax.plot([end, end], [0.78, 0.92], color=ink, linewidth=1.5)
    ax.text(1 + critical / 2, 0.95, f"CD = {critical:.2f}", ha="center", va="bottom", color=ink)
