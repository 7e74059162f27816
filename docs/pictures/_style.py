"""What the pictures of the explanation pages have in common: their look, and their command line.

`python docs/pictures/explain_NAME.py [FOLDER]` writes a script's pictures to FOLDER, beside the
script by default. They are drawn as the figures of reports are, on a card of their own, so that one
picture serves light and dark pages, and documents that are read elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mixup_multi.drawing import COLOURS, STYLES, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PINK, SKY, GREY = COLOURS
MARKERS = ("o", "^", "s", "D", "v", "P")
DARK, CARD = "#1B1B1B", "#FFFFFF"
MARGIN = 0.09  # inches around each panel


@dataclass(frozen=True)
class Picture:
    """A figure of `width` by `height` inches, and what is drawn on it."""

    width: float
    height: float
    draw: Callable[[Figure], None]

    def svg(self) -> str:
        """Return it as SVG on a card."""
        svg = drawn(self.width, self.height, self._within)
        card = f'<rect width="100%" height="100%" rx="6" fill="{CARD}"/>'
        return svg.replace("currentColor", DARK).replace(">", ">" + card, 1)

    def _within(self, figure: Figure) -> None:
        figure.get_layout_engine().set(w_pad=MARGIN, h_pad=MARGIN)
        self.draw(figure)


def main(pictures: Mapping[str, Picture]) -> None:
    """Write pictures by name to the folder that the command names, or beside the scripts."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, picture in pictures.items():
        (folder / f"{name}.svg").write_text(picture.svg())


def line(ax: Axes, x: object, y: object, label: str, place: int) -> None:
    """Draw a line in the colour and the dashes of its place."""
    style = {"color": COLOURS[place], "linestyle": STYLES[place % len(STYLES)]}
    ax.plot(x, y, label=label, linewidth=1.6, **style)


def grid(ax: Axes) -> None:
    """Draw thin lines behind the data."""
    ax.grid(alpha=0.25, linewidth=0.5)


def plane(ax: Axes, title: str) -> None:
    """Show a plane without numbers, in which a unit is as long up as across."""
    ax.set(aspect="equal", xticks=[], yticks=[], title=title)
