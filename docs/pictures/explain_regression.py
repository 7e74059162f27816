"""Draw mixtures of rows whose targets are numbers: with any partner, and with near ones.

python docs/pictures/explain_regression.py
"""

from __future__ import annotations

import torch
from _style import BLUE, GREY, RED, Picture, grid, main
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from mixup_multi import BetaShare
from mixup_multi.mix import Mix, draw_partner, mix_rows
from mixup_multi.streams import stream

ROWS = 120
BANDWIDTHS = {"any partner (mixup)": None, "near, h = 0.5": 0.5, "near, h = 0.1": 0.1}


def partners(figure: Figure) -> None:
    """Draw mixed rows over the curve that the rows lie on, a panel a bandwidth."""
    x, y = _rows()
    panels = figure.subplots(1, 3, sharey=True)
    for ax, (title, bandwidth) in zip(panels, BANDWIDTHS.items(), strict=True):
        _draw(ax, title, x, y, bandwidth)
    panels[0].set_ylabel("target y (standard deviations)")
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)


def _rows() -> tuple[Tensor, Tensor]:
    """Return rows on an S: x and y, `(n, 1)`, y standardised."""
    x = torch.linspace(-3, 3, ROWS, dtype=torch.float64)[:, None]
    y = (1.6 * x).tanh() + 0.1 * x**2
    return x, (y - y.mean()) / y.std()


def _draw(ax: Axes, title: str, x: Tensor, y: Tensor, bandwidth: float | None) -> None:
    generator = stream(0, "mix")
    kind = "any" if bandwidth is None else "near"
    partner = draw_partner(kind, y, generator, bandwidth)
    mix = Mix(partner, BetaShare(2.0, "row").draw(ROWS, generator))
    mixed_x, mixed_y = mix_rows(x, mix), mix_rows(y, mix)
    away = (mixed_y - _curve_at(mixed_x, x, y)).abs().mean()
    ax.plot(x, y, color=GREY, linewidth=2, label="the rows")
    ax.scatter(mixed_x, mixed_y, s=12, color=BLUE, label="mixed rows")
    for i in range(0, ROWS, 12):
        ends = torch.stack([torch.stack([x[i], y[i]]), torch.stack([x[partner[i]], y[partner[i]]])])
        label = "some of the pairs" if i == 0 else None
        ax.plot(*ends.squeeze(2).T, color=RED, linewidth=0.6, alpha=0.8, label=label)
    ax.set(xlabel="input x", title=f"{title}\n{float(away):.2f} off the curve on average")
    grid(ax)


def _curve_at(at: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the curve's y at places, by the nearest of the rows."""
    return y[(at - x.T).abs().argmin(1)]


PICTURES = {"explain_regression": Picture(7.6, 3.0, partners)}

if __name__ == "__main__":
    main(PICTURES)
