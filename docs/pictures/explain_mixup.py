"""Draw the laws of the share, the expansion of the mixup loss, and what mixup does to a surface.

python docs/pictures/explain_mixup.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from _style import BLUE, COLOURS, Picture, grid, main
from matplotlib.figure import Figure
from scipy.stats import beta

from mixup_multi.analysis.decision_surface import DecisionSurface
from mixup_multi.analysis.taylor import Taylor
from mixup_multi.engine.settings import Train
from mixup_multi.mix import BetaShare
from mixup_multi.recipe.schema import Entry

NOWHERE, CPU = Path(), torch.device("cpu")


def laws(figure: Figure) -> None:
    """Draw the drawn and the modified law, and the mean rest under both."""
    densities, means = figure.subplots(1, 2)
    own = np.linspace(0.004, 0.996, 400)
    for place, alpha in enumerate((0.2, 1.0, 4.0)):
        colour = COLOURS[place]
        densities.plot(own, beta.pdf(own, alpha, alpha), "--", color=colour, linewidth=1.2)
        modified = beta.pdf(own, alpha + 1, alpha)
        densities.plot(own, modified, color=colour, linewidth=1.8, label=f"α = {alpha:g}")
    densities.set(
        xlabel="own share λ",
        ylabel="density",
        ylim=(0, 3.2),
        title="Dashed: Beta(α, α); solid: Beta(α + 1, α)",
    )
    densities.legend(loc="upper center", ncols=3, handlelength=1.4, columnspacing=1)
    alphas = np.geomspace(0.01, 30, 200)
    rest = [BetaShare(float(alpha)).mean_rest for alpha in alphas]
    means.semilogx(alphas, rest, color=BLUE, linewidth=1.8, label="modified law: α / (2α + 1)")
    means.axhline(0.5, color=COLOURS[1], linestyle="--", label="drawn law: ½ for every α")
    means.set(xlabel="α", ylabel="E[1 − λ]", ylim=(0, 0.62), title="The scale of a regulariser")
    means.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    means.legend(loc="lower right")
    grid(densities)
    grid(means)


def expansion(figure: Figure) -> None:
    """Draw the mixup loss and its expansion while a logistic regression is trained."""
    analysis = Taylor(rows=60, steps=200, records=15)
    analysis.draw(analysis.compute(NOWHERE, CPU), figure)


def surface(figure: Figure) -> None:
    """Draw the probability that three methods give the plane around two moons."""
    methods = (
        Entry(name="erm", label="ERM"),
        Entry(name="mixup", label="mixup, α = 1"),
        Entry(name="mixup", label="mixup, α = 8", alpha=8.0),
    )
    train = Train(epochs=150, batch_size=50, lr=1e-2)
    analysis = DecisionSurface(methods=methods, train=train, grid=41)
    analysis.draw(analysis.compute(NOWHERE, CPU), figure)


PICTURES = {
    "explain_mixup_laws": Picture(7.4, 2.8, laws),
    "explain_mixup_expansion": Picture(7.4, 2.9, expansion),
    "explain_mixup_surface": Picture(8.0, 2.6, surface),
}

if __name__ == "__main__":
    main(PICTURES)
