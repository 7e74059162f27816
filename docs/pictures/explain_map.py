"""Draw the map of methods: each is a path through five choices, and some stand around another.

python docs/pictures/explain_map.py
"""

from __future__ import annotations

from itertools import pairwise

from _style import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, Picture, main
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

CHOICES = {
    "point": ("input", "one drawn", "several", "readout"),
    "partner": ("any row", "near target", "other class"),
    "own share": ("Beta(α, α)", "fixed or drawn,\nmay exceed 1"),
    "blend": ("linear", "paste a box", "mix codes,\ndecode"),
    "labels": ("same share", "area kept", "unchanged"),
}
METHODS = {
    "mixup": (BLUE, "-", (0, 0, 0, 0, 0)),
    "Manifold Mixup": (ORANGE, "--", (1, 0, 0, 0, 0)),
    "graph mixup": (SKY, ":", (3, 0, 0, 0, 0)),
    "CutMix": (GREEN, "-.", (0, 0, 0, 1, 1)),
    "VarMixup": (PINK, "-", (0, 0, 0, 2, 0)),
    "C-Mixup": (GREY, "--", (0, 1, 0, 0, 0)),
    "Batchout": (RED, "-", (2, 0, 1, 0, 2)),
}
AROUND = (
    ("MixupE", "any of these on mixed rows,\nplus η E[1 − λ] mean |q| on clean rows"),
    ("AT, IAT, TRADES", "first x → x′, the worst of a ball;\nthen any of these, clean rows beside"),
    ("Mixup Inference", "no training: the mean prediction\nover mixtures with a pool"),
)
WIDTH, HEIGHT, TOP = 1.5, 0.5, 4.0


def _place(column: int, row: int) -> tuple[float, float]:
    return 2.25 * column, TOP - 0.95 * row


def _box(ax: Axes, x: float, y: float, text: str, **style: object) -> None:
    corner = x - WIDTH / 2, y - HEIGHT / 2
    frame = {"facecolor": "#F2F4F7", "edgecolor": "#8A8A8A", "linewidth": 0.7, "zorder": 3}
    shape = FancyBboxPatch(corner, WIDTH, HEIGHT, boxstyle="round,pad=0.05", **frame)
    ax.add_patch(shape)
    ax.text(x, y, text, ha="center", va="center", fontsize=8, zorder=4, **style)


def _path(ax: Axes, number: int, name: str) -> None:
    """Draw a method's way from box to box, beside those of the others."""
    colour, dashes, choices = METHODS[name]
    aside = 0.075 * (number - (len(METHODS) - 1) / 2)
    places = [_place(column, row) for column, row in enumerate(choices)]
    for first, ((x1, y1), (x2, y2)) in enumerate(pairwise(places)):
        x = (x1 + WIDTH / 2 - 0.1, x2 - WIDTH / 2 + 0.1)
        y = (y1 + aside, y2 + aside)
        label = name if first == 0 else None
        ax.plot(x, y, color=colour, linestyle=dashes, linewidth=1.8, label=label, zorder=2)


def methods(figure: Figure) -> None:
    """Draw the choices, the methods' ways through them, and what stands around a method."""
    ax = figure.subplots()
    for column, (choice, options) in enumerate(CHOICES.items()):
        x, _ = _place(column, 0)
        ax.text(x, TOP + 0.55, choice, ha="center", fontsize=9, weight="bold")
        for row, option in enumerate(options):
            _box(ax, *_place(column, row), option)
    for number, name in enumerate(METHODS):
        _path(ax, number, name)
    for number, (name, text) in enumerate(AROUND):
        x = 1.3 + 3.2 * number
        ax.text(x, -0.15, name, ha="center", fontsize=9, weight="bold")
        ax.text(x, -0.27, text, ha="center", va="top", fontsize=8)
    ax.axhline(0.28, color="#8A8A8A", linewidth=0.6)
    ax.set(xlim=(-0.95, 9.95), ylim=(-0.9, TOP + 0.85))
    ax.axis("off")
    figure.legend(loc="outside lower center", ncols=len(METHODS), handlelength=2.2, columnspacing=1)


PICTURES = {"explain_map": Picture(8.4, 4.6, methods)}

if __name__ == "__main__":
    main(PICTURES)
