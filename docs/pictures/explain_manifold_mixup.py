"""Draw five classes of digits in a hidden layer of two units, without and with mixing there.

python docs/pictures/explain_manifold_mixup.py
"""

from __future__ import annotations

from _style import COLOURS, MARKERS, Picture, main, plane
from _toys import arrays, digits, fitted
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from mixup_multi import ERM, BetaShare, Objective, Vicinal
from mixup_multi.points import flow_at

CLASSES, POINT = 5, "layer2"
METHODS = {
    "ERM": ERM(),
    "mixup of inputs, α = 2": Vicinal(BetaShare(2.0, "row")),
    "mixup in these two units, α = 2": Vicinal(BetaShare(2.0, "row"), points=(POINT,)),
}


def hidden(figure: Figure) -> None:
    """Draw what flows into the layer behind two units, a panel a method."""
    for ax, (title, method) in zip(figure.subplots(1, 3), METHODS.items(), strict=True):
        _draw(ax, title, *_codes(method))
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=CLASSES, markerscale=1.6)


def _codes(method: Objective) -> tuple[Tensor, Tensor]:
    data = digits(CLASSES)
    inputs, targets = arrays(data)
    net = fitted(inputs, targets, method, widths=(64, 2, 64), steps=500)
    # Codes behind a ReLU would show a quarter of the plane: look at what enters it.
    before = net.stages["layer1"][0](flow_at(net, inputs, "layer1"))
    return before.detach(), targets.argmax(1)


def _draw(ax: Axes, title: str, codes: Tensor, labels: Tensor) -> None:
    for k in range(CLASSES):
        x, y = codes[labels == k].T
        style = {"marker": MARKERS[k], "color": COLOURS[k], "alpha": 0.7, "linewidths": 0}
        ax.scatter(x, y, s=13, label=f"digit {k}", **style)
    plane(ax, title)
    ax.set(aspect="auto", xlabel="unit 1", ylabel="unit 2")


PICTURES = {"explain_manifold_mixup": Picture(7.8, 3.0, hidden)}

if __name__ == "__main__":
    main(PICTURES)
