"""Draw what Batchout does to features in the plane: towards rows, away from them, towards noise.

python docs/pictures/explain_batchout.py
"""

from __future__ import annotations

import torch
from _style import BLUE, ORANGE, Picture, main, plane
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from mixup_multi.mix import Mix
from mixup_multi.objectives.batchout import towards_noise, towards_rows
from mixup_multi.streams import stream

ROWS, MOVED = 24, 12


def moves(figure: Figure) -> None:
    """Draw where half of the rows go, a panel a kind."""
    features, labels = _features()
    partner = torch.randint(ROWS, (ROWS,), generator=stream(0, "mix"))
    panels = figure.subplots(1, 3)
    amounts = {"towards rows, n = 0.3": 0.3, "away from rows, n = −0.2": -0.2}
    for ax, (title, amount) in zip(panels, amounts.items(), strict=False):
        moved = towards_rows(features, _mix(partner, amount), MOVED)
        _draw(ax, title, features, moved, labels)
    moved = towards_noise(features, _mix(partner, 0.3), MOVED, stream(0, "noise"))
    _draw(panels[2], "noise of the row's length, n = 0.3", features, moved, labels)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)


def _features() -> tuple[Tensor, Tensor]:
    """Return features of two classes, `(24, 2)`, and their classes."""
    generator = stream(1, "features")
    labels = torch.arange(ROWS) % 2
    centres = torch.tensor([[2.0, 0.8], [0.8, 2.0]])
    return centres[labels] + 0.45 * torch.randn(ROWS, 2, generator=generator), labels


def _mix(partner: Tensor, amount: float) -> Mix:
    return Mix(partner, torch.tensor([1 - amount], dtype=torch.float64))


def _draw(ax: Axes, title: str, before: Tensor, after: Tensor, labels: Tensor) -> None:
    for k, (marker, colour) in enumerate((("o", BLUE), ("^", ORANGE))):
        some = labels == k
        style = {"s": 22, "marker": marker, "color": colour}
        ax.scatter(*before[some].T, label=f"class {k}, before and after", **style)
    for (x, y), (to_x, to_y) in zip(before[:MOVED].tolist(), after[:MOVED].tolist(), strict=True):
        arrow = {"arrowstyle": "->", "color": "#1B1B1B", "linewidth": 0.8, "shrinkA": 0}
        ax.annotate("", (to_x, to_y), (x, y), arrowprops=arrow)
    plane(ax, title)


PICTURES = {"explain_batchout": Picture(7.6, 2.9, moves)}

if __name__ == "__main__":
    main(PICTURES)
