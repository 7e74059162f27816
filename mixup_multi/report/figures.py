"""The figures of trained cells, as SVG to stand inside a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mixup_multi.drawing import COLOURS, INK, STYLES, drawn
from mixup_multi.metrics import BINS, Reliability
from mixup_multi.metrics.reliability import Array
from mixup_multi.report.asked_curves import AskedCurve
from mixup_multi.report.curves import WATCHED, Curve
from mixup_multi.report.statistics import Ranking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED_CLASSES, NAME_LETTERS = 12, 14  # of a confusion matrix: more would not be readable


def _panels(figure: Figure, n: int, across: int) -> list[Axes]:
    down = -(-n // across)
    axes = figure.subplots(down, min(across, n), squeeze=False).ravel().tolist()
    for spare in axes[n:]:
        spare.set_visible(False)
    return list(axes[:n])


def _size(n: int, across: int, side: float) -> tuple[float, float]:
    return side * min(across, n), side * -(-n // across)


def _legend_height(entries: int) -> float:
    """Return the inches that a legend of two columns takes below the panels."""
    return 0.2 + 0.17 * -(-entries // 2)


def short(label: str, most: int = 36) -> str:
    """Return a label that fits a figure: of a long one its start and its end, which tells apart."""
    end = 3 * most // 7
    return label if len(label) <= most else f"{label[: most - end - 1]}…{label[-end:]}"


def column_style(columns: Sequence[str], column: str) -> dict[str, Any]:
    """Return a column's colour and dashes, the same in every figure; lines may lie on lines."""
    place = columns.index(column)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": STYLES[place % len(STYLES)],
    }


def learning_curves(curves: Sequence[Curve], columns: Sequence[str]) -> str:
    """Return a panel a quantity: a line a column, with a band of one standard deviation."""
    from matplotlib.ticker import MaxNLocator

    quantities = [q for q in WATCHED if any(curve.quantity == q for curve in curves)]

    def draw(figure: Figure) -> None:
        axes = _panels(figure, len(quantities), 2)
        for ax, quantity in zip(axes, quantities, strict=True):
            for curve in curves:
                if curve.quantity == quantity:
                    _line(ax, curve, column_style(columns, curve.column))
            ax.set_title(WATCHED[quantity])
            ax.set_xlabel("epoch")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            ax.grid(alpha=0.25, linewidth=0.5)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 2))

    width, height = _size(len(quantities), 2, 2.6)
    return drawn(
        width, 0.85 * height + _legend_height(len({curve.column for curve in curves})), draw
    )


def _line(ax: Axes, curve: Curve, style: Mapping[str, Any]) -> None:
    means, spreads = np.array(curve.means), np.array(curve.spreads)
    marker = "o" if len(means) == 1 else None
    ax.plot(curve.epochs, means, label=short(curve.column), linewidth=1.4, marker=marker, **style)
    ax.fill_between(
        curve.epochs,
        means - spreads,
        means + spreads,
        color=style["color"],
        alpha=0.15,
        linewidth=0,
    )


def evaluation_curves(curves: Sequence[AskedCurve], columns: Sequence[str]) -> str:
    """Return one panel: a line a column, with a band of one standard deviation."""

    def draw(figure: Figure) -> None:
        (ax,) = _panels(figure, 1, 1)
        for curve in curves:
            style = column_style(columns, curve.column)
            means, spreads = np.array(curve.means), np.array(curve.spreads)
            ax.plot(curve.x, means, label=short(curve.column), linewidth=1.4, marker=".", **style)
            band = {"color": style["color"], "alpha": 0.15, "linewidth": 0}
            ax.fill_between(curve.x, means - spreads, means + spreads, **band)
        ax.set(xlabel=curves[0].x_label, ylabel=curves[0].y_label)
        ax.grid(alpha=0.25, linewidth=0.5)
        handles, labels = ax.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 2))

    return drawn(4.2, 2.6 + _legend_height(len(curves)), draw)


def reliability_diagrams(said: Mapping[str, Reliability]) -> str:
    """Return a panel a column: the share that is correct against the confidence, by bin."""

    def draw(figure: Figure) -> None:
        for ax, (column, one) in zip(_panels(figure, len(said), 2), said.items(), strict=True):
            _reliability(ax, one)
            ax.set_title(f"{short(column)}\nECE {one.ece:.1f} %")

    width, height = _size(len(said), 2, 2.6)
    return drawn(width, height, draw)


def _reliability(ax: Axes, one: Reliability) -> None:
    full = one.count > 0
    share = one.count / one.count.sum()
    centres = (np.arange(BINS) + 0.5) / BINS
    correct = np.divide(one.correct, one.count, out=np.zeros(BINS), where=full)
    ax.bar(centres[full], correct[full], width=0.9 / BINS, color=COLOURS[0], alpha=0.75)
    ax.bar(centres, share, width=0.3 / BINS, color=COLOURS[1])
    ax.plot([0, 1], [0, 1], color=INK, linewidth=1.2, linestyle="--")
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share correct", aspect="equal")


def confusion_matrices(said: Mapping[str, Array], classes: Sequence[str]) -> str:
    """Return a panel a column: of each true class (a row), the percent predicted as each."""
    longest = max(map(len, classes)) if len(classes) <= NAMED_CLASSES else 0
    margin = 0.07 * min(longest, NAME_LETTERS)

    def draw(figure: Figure) -> None:
        for ax, (column, matrix) in zip(_panels(figure, len(said), 2), said.items(), strict=True):
            _confusion(ax, matrix, classes)
            ax.set_title(short(column))

    side = (2.6 if len(classes) < 8 else 3.2) + margin
    width, height = _size(len(said), 2, side)
    return drawn(width, height, draw)


def _confusion(ax: Axes, matrix: Array, classes: Sequence[str]) -> None:
    totals = matrix.sum(1, keepdims=True)
    percent = 100 * np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    n = len(matrix)
    ax.imshow(percent, cmap="Blues", vmin=0, vmax=100, extent=(0, n, n, 0), interpolation="none")
    ax.set(xlabel="predicted", ylabel="true")
    if n > NAMED_CLASSES:
        return
    names = [short(name, NAME_LETTERS) for name in classes]
    upright = max(map(len, names)) > 2
    ax.set_xticks(np.arange(n) + 0.5, names, rotation=90 if upright else 0)
    ax.set_yticks(np.arange(n) + 0.5, names)
    for (true, predicted), value in np.ndenumerate(percent):
        ax.text(
            predicted + 0.5, true + 0.5, f"{value:.0f}", ha="center", va="center",
            color="#ffffff" if value > 55 else "#000000", fontsize=8 if n < 8 else 6,
        )  # fmt: skip


def critical_difference_diagram(found: Ranking, columns: Sequence[str]) -> str:
    """Return mean ranks on a line; bars join columns that Nemenyi's test cannot tell apart."""
    from mixup_multi.report.cd_diagram import draw_diagram

    lines, shown = (len(columns) + 1) // 2, [short(column) for column in columns]
    return drawn(5.2, 1.3 + 0.28 * lines, lambda figure: draw_diagram(figure, found, shown, INK))
