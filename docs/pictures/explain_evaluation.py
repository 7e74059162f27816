"""Draw a reliability diagram, and what models say between training examples.

python docs/pictures/explain_evaluation.py
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from _style import BLUE, GREY, ORANGE, Picture, grid, line, main
from _toys import arrays, digits, fitted
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixup_multi import ERM, BetaShare, Vicinal
from mixup_multi.evaluations.evaluation import Subject
from mixup_multi.evaluations.in_between import InBetween
from mixup_multi.metrics import confidences, reliability
from mixup_multi.objectives.losses import Softmax

METHODS = {"ERM": ERM(), "mixup, α = 1": Vicinal(BetaShare(1.0, "row"))}
BINS = 10


def _asked() -> dict[str, Subject]:
    """Return trained models with their data, by method."""
    data = digits(rows=300)
    found = {}
    for name, method in METHODS.items():
        net = fitted(*arrays(data), method, steps=150)
        found[name] = Subject(partial(_same, net), data, Softmax(), torch.device("cpu"))
    return found


def _same(net: torch.nn.Module) -> torch.nn.Module:
    return net


def asked(figure: Figure) -> None:
    """Draw two reliability diagrams, misses and gradients between examples."""
    first, second, misses, slopes = figure.subplots(1, 4)
    for place, (ax, (name, subject)) in enumerate(
        zip((first, second), _asked().items(), strict=True)
    ):
        _reliability(ax, name, subject)
        curves = InBetween(pairs=600, differing=True).measure(subject).curves
        for panel, curve in ((misses, curves["miss"]), (slopes, curves["gradient_norm"])):
            line(panel, curve.x, curve.y, name, place)
    first.set_ylabel("share correct")
    misses.set(xlabel="own share λ", title="Misses between\ntwo training rows (%)")
    slopes.set(xlabel="own share λ", title="Length of the\nloss's gradient there")
    for ax in (misses, slopes):
        ax.set_ylim(bottom=0)
        grid(ax)
    handles, labels = misses.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2)


def _reliability(ax: Axes, name: str, subject: Subject) -> None:
    inputs, targets = arrays(subject.data, "test")
    with torch.no_grad():
        found = reliability(*confidences(subject.model(inputs), targets), bins=BINS)
    middles = (np.arange(BINS) + 0.5) / BINS
    ax.bar(middles, np.nan_to_num(found.accuracy), 1 / BINS, color=BLUE, edgecolor="#FFFFFF")
    ax.plot(middles, found.mean_confidence, "_", color=ORANGE, markersize=11, markeredgewidth=2.2)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    right = 100 * float(found.correct.sum() / found.count.sum())
    title = f"{name}: ECE {found.ece:.1f} %,\naccuracy {right:.1f} %"
    ax.set(xlabel="confidence", xlim=(0, 1), ylim=(0, 1), title=title)


PICTURES = {"explain_evaluation": Picture(9.2, 2.7, asked)}

if __name__ == "__main__":
    main(PICTURES)
