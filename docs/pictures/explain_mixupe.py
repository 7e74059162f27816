"""Draw MixupE's regulariser: what q is of a prediction, what forms ask for, and how good qhat is.

python docs/pictures/explain_mixupe.py
"""

from __future__ import annotations

import torch
from _style import BLUE, GREY, RED, Picture, grid, line, main
from _toys import arrays, digits, fitted
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from mixup_multi import ERM, Batch
from mixup_multi.analysis.exact_q import agreement, both_q
from mixup_multi.objectives.losses import Softmax
from mixup_multi.objectives.mixupe import FORMS, reduce_rows

LOSS = Softmax()
MARGINS = torch.linspace(-4, 8, 241, dtype=torch.float64)
SHOWN = {
    "paper_abs": "paper_abs: + |q̂|",
    "released_v3": "released_v3: − q̂ below τ = 1",
    "released_v4": "released_v4: − q̂, detached",
}


def _logits(margins: Tensor) -> Tensor:
    """Return logits of two classes, of which the first is right where the margin is above 0."""
    return torch.stack([margins / 2, -margins / 2], 1)


def of_a_margin(figure: Figure) -> None:
    """Draw qhat and its parts, and the pull of three forms, over the margin of a row."""
    parts, pulls = figure.subplots(1, 2)
    target = torch.tensor([[1.0, 0.0]]).double().expand(len(MARGINS), 2)
    logits = _logits(MARGINS)
    loss, q = LOSS.value(logits, target), LOSS.fast_q(logits, target)
    line(parts, MARGINS, loss, "CE", 0)
    line(parts, MARGINS, q + loss, "entropy H(p)", 1)
    line(parts, MARGINS, q, "q̂ = H − CE", 2)
    line(parts, MARGINS, q.abs(), "|q̂|", 3)
    parts.set(ylim=(-2.2, 3.2), ylabel="nats", title="q̂ of one row of two classes")
    for place, (form, label) in enumerate(SHOWN.items()):
        line(pulls, MARGINS, _pull(form, target), label, place)
    pulls.set(ylim=(-0.6, 1.9), ylabel="− d term / d margin", title="Above 0: the margin is raised")
    for ax in (parts, pulls):
        ax.axhline(0, color=GREY, linewidth=0.7)
        ax.axvline(0, color=GREY, linewidth=0.7)
        ax.set_xlabel("margin of the right class (logits)")
        ax.legend(loc="upper right")
        grid(ax)


def _pull(form: str, target: Tensor) -> Tensor:
    """Return how a form's term pulls each margin by itself."""
    margins = MARGINS.clone().requires_grad_()
    rule = FORMS[form]
    q = LOSS.fast_q(_logits(margins), target, rule.detach)
    term = rule.sign * torch.stack([reduce_rows(row, rule, 1.0) for row in q.split(1)]).sum()
    (gradient,) = torch.autograd.grad(term, margins)
    return -gradient


def _exact_and_fast(net: nn.Module, centred: bool) -> tuple[Tensor, Tensor]:
    """Return q and qhat of the digits' rows, of a net that reads them centred or not."""
    inputs, targets = (rows.double() for rows in arrays(digits()))
    mean = inputs.mean(0)
    inputs = inputs - mean if centred else inputs
    at = torch.zeros_like(mean) if centred else mean
    return both_q(net, Batch(inputs, targets), "input", at, LOSS)


def _trained(centred: bool, bias: bool) -> nn.Module:
    inputs, targets = (rows.double() for rows in arrays(digits()))
    inputs = inputs - inputs.mean(0) if centred else inputs
    return fitted(inputs, targets, ERM(), steps=40, bias=bias)


def exact_and_fast(figure: Figure) -> None:
    """Draw qhat over q for three networks, early in training."""
    cases = {
        "no biases, centred inputs": (True, False),
        "biases, centred inputs": (True, True),
        "biases, inputs as they are": (False, True),
    }
    panels = figure.subplots(1, 3)
    for ax, (title, (centred, bias)) in zip(panels, cases.items(), strict=True):
        _scatter(ax, title, *_exact_and_fast(_trained(centred, bias), centred))
    panels[0].set_ylabel("q̂ (fast)")


def _scatter(ax: Axes, title: str, exact: Tensor, fast: Tensor) -> None:
    low = float(torch.cat([exact, fast]).min())
    high = float(torch.cat([exact, fast]).max())
    ax.plot([low, high], [low, high], color=RED, linewidth=0.9)
    ax.scatter(exact, fast, s=7, color=BLUE, alpha=0.6, linewidths=0)
    same = agreement(exact, fast).same_sign
    ax.set(xlabel="q (exact)", title=f"{title}\nsigns agree on {same:.0f} %")
    grid(ax)


PICTURES = {
    "explain_mixupe_margin": Picture(7.6, 3.1, of_a_margin),
    "explain_mixupe_exact": Picture(7.6, 2.8, exact_and_fast),
}

if __name__ == "__main__":
    main(PICTURES)
