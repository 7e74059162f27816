"""Draw the error under attacks that do not know of Mixup Inference, and under one that does.

python docs/pictures/explain_mixup_inference.py
"""

from __future__ import annotations

import torch
from _style import Picture, grid, line, main
from _toys import arrays, digits, fitted
from matplotlib.figure import Figure
from torch import nn

from mixup_multi import ERM, Batch, BetaShare, Objective, Vicinal
from mixup_multi.attacks.presets import pgd
from mixup_multi.bounds import Bounds
from mixup_multi.engine.training import Training
from mixup_multi.objectives.losses import Softmax
from mixup_multi.predict import as_model
from mixup_multi.predict.presets import mi_ol

LOSS, SEED, ASKED = Softmax(), 1, 200
PIXELS = Bounds(torch.ones(()), torch.zeros(()), torch.ones(()), largest=1.0)
SIZES = [0.0, 0.03, 0.06, 0.09, 0.12, 0.15]


def errors(figure: Figure) -> None:
    """Draw errors over eps, a panel a training method."""
    methods: dict[str, Objective] = {"ERM": ERM(), "mixup, α = 1": Vicinal(BetaShare(1.0, "row"))}
    panels = figure.subplots(1, 2, sharey=True)
    for ax, (title, method) in zip(panels, methods.items(), strict=True):
        for place, (label, values) in enumerate(_errors(method).items()):
            line(ax, SIZES, values, label, place)
        ax.set(xlabel="eps of PGD-10 (pixels in [0, 1])", title=f"Digits, trained by {title}")
        grid(ax)
    panels[0].set_ylabel("error (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)


def _errors(method: Objective) -> dict[str, list[float]]:
    data = digits()
    net = fitted(*arrays(data), method)
    inputs, targets = arrays(data, "test")
    test = Batch(inputs[:ASKED], targets[:ASKED])
    predictor = mi_ol(samples=15, pool=400).fit(Training(data))
    knowing = as_model(predictor, net, SEED, LOSS)
    return {
        "plain prediction": [_error(net, net, test, eps) for eps in SIZES],
        "MI-OL, oblivious attack": [_error(net, knowing, test, eps) for eps in SIZES],
        "MI-OL, adaptive attack": [_error(knowing, knowing, test, eps) for eps in SIZES],
    }


def _error(attacked: nn.Module, asked: nn.Module, test: Batch, eps: float) -> float:
    """Return the error in percent of what is asked, where `attacked` is what the attack sees."""
    attack = pgd(eps=eps, step=eps / 4, steps=10)
    _, moved = attack.perturb(attacked, test, PIXELS, SEED, LOSS)
    with torch.no_grad():
        return 100 * float(LOSS.error(asked(moved.inputs), test.targets).mean())


PICTURES = {"explain_mixup_inference": Picture(7.4, 2.9, errors)}

if __name__ == "__main__":
    main(PICTURES)
