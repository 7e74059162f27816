"""What the figures of analyses have in common: lines, axes of steps, legends outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mixup_multi.drawing import COLOURS, STYLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def line(ax: Axes, x: Sequence[float] | np.ndarray, y: np.ndarray, label: str, place: int) -> None:
    """Draw a line in the colour and dashes of its place among the others."""
    ax.plot(x, y, label=label, linewidth=1.5, **style(place))


def band(ax: Axes, x: np.ndarray, trials: np.ndarray, label: str, place: int) -> None:
    """Draw the mean of `trials` `(t, x)`, and one sample standard deviation around it."""
    mean = trials.mean(0)
    line(ax, x, mean, label, place)
    if len(trials) > 1:
        spread = trials.std(0, ddof=1)
        colour = style(place)["color"]
        ax.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)


def style(place: int) -> dict[str, Any]:
    """Return the colour and dashes of the line of a place."""
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": STYLES[place % len(STYLES)]}


def logarithmic_steps(ax: Axes) -> None:
    """Give an axis of steps a logarithm that has room for step 0."""
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    ax.set_xlabel("step")
    ax.grid(alpha=0.25, linewidth=0.5)


def epochs(ax: Axes) -> None:
    """Give an axis of epochs whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.set_xlabel("epoch")
    ax.grid(alpha=0.25, linewidth=0.5)


def logarithmic_values(ax: Axes) -> None:
    """Give an axis of positive values, already drawn, a logarithm with readable numbers."""
    from matplotlib.ticker import LogLocator

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 100 * low else (1, 2, 5)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(lambda *_: "")


def below(ax: Axes, columns: int) -> None:
    """Put a panel's legend below it."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns, handlelength=2.4)


def panel_legend(figure: Figure, ax: Axes, columns: int = 3) -> None:
    """Put the legend of one panel, which all share, below the figure."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=2.6)
