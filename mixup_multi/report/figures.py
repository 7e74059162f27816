"""The figures, as SVG to stand inside a page.

Lines and letters that are black by default take the page's own colour (`currentColor`), so that
one figure serves light and dark pages. Text stays text and is never read as mathematics.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from mixup_multi.report.asked_curves import AskedCurve
from mixup_multi.report.curves import WATCHED, Curve
from mixup_multi.report.measure import BINS, Array, Reliability
from mixup_multi.report.statistics import Ranking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"  # replaced by currentColor; no other colour is like it
# Okabe and Ito's colours, which people with colour-blindness can tell apart; the blue is lighter,
# since it has to be seen on white and on black.
COLOURS = ("#2B8CCB", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8A8A8A")
STYLES = ("-", "--", "-.", ":")
NAMED_CLASSES, NAME_LETTERS = 12, 14  # of a confusion matrix: more would not be readable


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib as mpl

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "mixup-multi",
        "text.parse_math": False,
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "legend.frameon": False,
    }
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    settings.update(dict.fromkeys(inked, INK))
    with mpl.rc_context(settings):
        yield


def _drawn(width: float, height: float, draw: Callable[[Figure], None]) -> str:
    """Return what `draw` puts on a figure of such inches, as SVG without ids or metadata."""
    from matplotlib.figure import Figure

    with _style():
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return _with_own_ids(re.sub(r' id="[A-Za-z.]+[\w.]*_\d+"', "", svg))


def _with_own_ids(svg: str) -> str:
    """Return SVG whose ids no other figure of a page has: browsers resolve them page-wide."""
    own = hashlib.sha256(svg.encode()).hexdigest()[:8]
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\1f{own}-", svg)


def _panels(figure: Figure, n: int, across: int) -> list[Axes]:
    down = -(-n // across)
    axes = figure.subplots(down, min(across, n), squeeze=False).ravel().tolist()
    for spare in axes[n:]:
        spare.set_visible(False)
    return list(axes[:n])


def _size(n: int, across: int, side: float) -> tuple[float, float]:
    return side * min(across, n), side * -(-n // across)


def short(label: str, most: int = 36) -> str:
    """Return a label that fits a figure: of a long one its start and its end, which tells apart."""
    end = 3 * most // 7
    return label if len(label) <= most else f"{label[: most - end - 1]}…{label[-end:]}"


def method_style(methods: Sequence[str], method: str) -> dict[str, Any]:
    """Return a method's colour and dashes, the same in every figure; lines may lie on lines."""
    place = methods.index(method)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": STYLES[place % len(STYLES)],
    }


def learning_curves(curves: Sequence[Curve], methods: Sequence[str]) -> str:
    """Return a panel a quantity: a line a method, with a band of one standard deviation."""
    from matplotlib.ticker import MaxNLocator

    quantities = [q for q in WATCHED if any(curve.quantity == q for curve in curves)]

    def draw(figure: Figure) -> None:
        axes = _panels(figure, len(quantities), 2)
        for ax, quantity in zip(axes, quantities, strict=True):
            for curve in curves:
                if curve.quantity == quantity:
                    _line(ax, curve, method_style(methods, curve.method))
            ax.set_title(WATCHED[quantity])
            ax.set_xlabel("epoch")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            ax.grid(alpha=0.25, linewidth=0.5)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 2))

    width, height = _size(len(quantities), 2, 2.6)
    return _drawn(width, 0.85 * height + 0.45, draw)


def _line(ax: Axes, curve: Curve, style: Mapping[str, Any]) -> None:
    means, spreads = np.array(curve.means), np.array(curve.spreads)
    marker = "o" if len(means) == 1 else None
    ax.plot(curve.epochs, means, label=short(curve.method), linewidth=1.4, marker=marker, **style)
    ax.fill_between(
        curve.epochs,
        means - spreads,
        means + spreads,
        color=style["color"],
        alpha=0.15,
        linewidth=0,
    )


def evaluation_curves(curves: Sequence[AskedCurve], methods: Sequence[str]) -> str:
    """Return one panel: a line a method, with a band of one standard deviation."""

    def draw(figure: Figure) -> None:
        (ax,) = _panels(figure, 1, 1)
        for curve in curves:
            style = method_style(methods, curve.method)
            means, spreads = np.array(curve.means), np.array(curve.spreads)
            ax.plot(curve.x, means, label=short(curve.method), linewidth=1.4, marker=".", **style)
            band = {"color": style["color"], "alpha": 0.15, "linewidth": 0}
            ax.fill_between(curve.x, means - spreads, means + spreads, **band)
        ax.set(xlabel=curves[0].x_label, ylabel=curves[0].y_label)
        ax.grid(alpha=0.25, linewidth=0.5)
        handles, labels = ax.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 2))

    return _drawn(4.2, 2.9 + 0.1 * len(curves), draw)


def reliability_diagrams(said: Mapping[str, Reliability]) -> str:
    """Return a panel a method: the share that is correct against the confidence, by bin."""

    def draw(figure: Figure) -> None:
        for ax, (method, one) in zip(_panels(figure, len(said), 2), said.items(), strict=True):
            _reliability(ax, one)
            ax.set_title(f"{short(method)}\nECE {one.ece:.1f} %")

    width, height = _size(len(said), 2, 2.6)
    return _drawn(width, height, draw)


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
    """Return a panel a method: of each true class (a row), the percent predicted as each."""
    longest = max(map(len, classes)) if len(classes) <= NAMED_CLASSES else 0
    margin = 0.07 * min(longest, NAME_LETTERS)

    def draw(figure: Figure) -> None:
        for ax, (method, matrix) in zip(_panels(figure, len(said), 2), said.items(), strict=True):
            _confusion(ax, matrix, classes)
            ax.set_title(short(method))

    side = (2.6 if len(classes) < 8 else 3.2) + margin
    width, height = _size(len(said), 2, side)
    return _drawn(width, height, draw)


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


def critical_difference_diagram(found: Ranking, methods: Sequence[str]) -> str:
    """Return mean ranks on a line; bars join methods that Nemenyi's test cannot tell apart."""
    from mixup_multi.report.cd_diagram import draw_diagram

    lines, shown = (len(methods) + 1) // 2, [short(method) for method in methods]
    return _drawn(5.2, 1.3 + 0.28 * lines, lambda figure: draw_diagram(figure, found, shown, INK))
