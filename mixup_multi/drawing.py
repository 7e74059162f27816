"""How figures are drawn: their style, and SVG that can stand inside a page.

Lines and letters that are black by default take the page's own colour (`currentColor`), so that
one figure serves light and dark pages. Text stays text and is never read as mathematics.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#010203"  # replaced by currentColor; no other colour is like it
# Okabe and Ito's colours, which people with colour-blindness can tell apart; the blue is lighter,
# since it has to be seen on white and on black.
COLOURS = ("#2B8CCB", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8A8A8A")
STYLES = ("-", "--", "-.", ":")


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


def drawn(width: float, height: float, draw: Callable[[Figure], None]) -> str:
    """Return what `draw` puts on a figure of such inches, as SVG without ids or metadata."""
    with _style():
        figure = _figure(width, height, draw)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return _with_own_ids(re.sub(r' id="[A-Za-z.]+[\w.]*_\d+"', "", svg))


def drawn_png(width: float, height: float, draw: Callable[[Figure], None]) -> bytes:
    """Return the same as PNG, on white, with 200 dots an inch."""
    with _style():
        buffer = io.BytesIO()
        _figure(width, height, draw).savefig(buffer, format="png", dpi=200)
    return buffer.getvalue()


def _figure(width: float, height: float, draw: Callable[[Figure], None]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    draw(figure)
    return figure


def _with_own_ids(svg: str) -> str:
    """Return SVG whose ids no other figure of a page has: browsers resolve them page-wide."""
    own = hashlib.sha256(svg.encode()).hexdigest()[:8]
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\1f{own}-", svg)
