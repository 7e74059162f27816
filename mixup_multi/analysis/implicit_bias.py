"""What direction gradient descent takes on separable points under plain training, mixup, MixupE.

Follows the toy of MixupE's authors (Zou et al. 2023, after Soudry et al. 2018), who find that the
norm of w grows and its direction goes to the largest margin with mixup as without. Which loss of a
mixed label is meant decides how long it does; see `separable`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mixup_multi.analysis.analysis import Analysis, Found
from mixup_multi.analysis.checks import check_at_least, check_positive
from mixup_multi.analysis.law import rest_moments
from mixup_multi.analysis.nets import recorded_steps
from mixup_multi.analysis.panels import line, logarithmic_steps, logarithmic_values, panel_legend
from mixup_multi.analysis.separable import (
    Labels,
    Weighted,
    angle_gap,
    fast_q,
    largest_margin,
    least,
    loss_of,
    margin_gap,
    mixed,
    unmixed,
)
from mixup_multi.analysis.toys import soudry
from mixup_multi.objectives.mixupe import rescale
from mixup_multi.streams import stream

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADINGS = ("method", "step", "norm", "loss", "angle_gap", "margin_gap")
PANELS = {
    "norm": "‖w(t)‖",
    "loss": "training loss (nats)",
    "angle_gap": "angle gap, 1 - cos",
    "margin_gap": "margin gap (inputs' units)",
}


@dataclass(frozen=True)
class Method:
    """A loss of w: on which points, with what labels, and with how much of MixupE's term."""

    data: Weighted
    labels: Labels
    clean: Weighted
    weight: float = 0.0

    def gradient(self, w: Tensor) -> tuple[float, Tensor]:
        """Return the loss, of the mixed points alone, and the gradient that is descended."""
        at = w.clone().requires_grad_()
        loss = loss_of(self.data, at, self.labels)
        total = loss
        if self.weight:
            total, _, _ = rescale(loss, self.weight * fast_q(self.clean, at))
        (gradient,) = torch.autograd.grad(total, at)
        return float(loss.detach()), gradient


@dataclass(frozen=True, kw_only=True)
class ImplicitBias(Analysis):
    """Norm, loss, angle gap and margin gap of linear logistic regression on separable points.

    Attributes:
        alpha: > 0; of mixing.
        eta: >= 0; the weight of MixupE's regulariser.
        n: how many points.
        spread: the standard deviation of those that are no support vectors.
        steps: of gradient descent on the exact loss of all pairs.
        lr: its learning rate.
        records: at most so many steps are looked at, evenly spaced in the logarithm.
        nodes: of the quadrature over shares.
        seed: of the points and of w(0).
    """

    alpha: float = 1.0
    eta: float = 1.0
    n: int = 24
    spread: float = 1.0
    steps: int = 5000
    lr: float = 0.1
    records: int = 40
    nodes: int = 24
    seed: int = 0

    size = (7.2, 5.6)

    def __post_init__(self) -> None:
        check_positive(alpha=self.alpha, lr=self.lr)
        check_at_least(0, eta=self.eta, spread=self.spread)
        check_at_least(1, steps=self.steps, nodes=self.nodes)
        check_at_least(2, records=self.records)
        self._points()

    @property
    def caption(self) -> str:
        """What the figure shows."""
        return (
            f"Gradient descent on the exact losses of {self.n} separable points (alpha ="
            f" {self.alpha:g}, eta = {self.eta:g}; after Soudry et al. 2018 and Zou et al. 2023)."
            " Soft: labels in [0, 1] in the loss h(f) - y f; signed: labels in [-1, 1] in"
            " log(1 + exp(-y f)). Gaps are to the direction and margin of a hard-margin SVM; they"
            " dip where w passes that direction on its way. A norm that stays level is that of a"
            " finite minimiser; the signed loss has one too, farther away (see the numbers)."
        )

    def compute(self, root: Path, device: torch.device) -> Found:  # noqa: ARG002  (no data, small)
        """Return norm, loss and gaps of every method at each step looked at."""
        points, signs = self._points()
        best = largest_margin(points, signs)
        steps = recorded_steps(self.steps, self.records)
        rows: list[tuple[str, int, float, float, float, float]] = []
        for name, method in self._methods(points, signs).items():
            for step, w, loss in self._descent(method, set(steps)):
                gaps = angle_gap(w, best), margin_gap(w, points, signs, best)
                rows.append((name, step, float(w.norm()), loss, *gaps))
        last = {row[0]: row for row in rows}
        values = {f"norm at the end, {name}": row[2] for name, row in last.items()}
        values.update({f"angle gap at the end, {name}": row[4] for name, row in last.items()})
        values.update(self._minimisers(points, signs))
        return Found(HEADINGS, tuple(rows), values)

    def _points(self) -> tuple[Tensor, Tensor]:
        """Return points and signs."""
        points, labels = soudry(stream(self.seed, "soudry train"), n=self.n, spread=self.spread)
        return points, 2 * labels - 1

    def _methods(self, points: Tensor, signs: Tensor) -> dict[str, Method]:
        clean = unmixed(points, signs)
        every = mixed(points, signs, self.alpha, "any", self.nodes)
        same = mixed(points, signs, self.alpha, "same_class", self.nodes)
        weight = self.eta * rest_moments(self.alpha)[0]
        return {
            "ERM": Method(clean, "soft", clean),
            "Mixup, soft": Method(every, "soft", clean),
            "MixupE, soft": Method(every, "soft", clean, weight),
            "Mixup, signed": Method(every, "signed", clean),
            "MixupE, signed": Method(every, "signed", clean, weight),
            "Mixup, soft, same class": Method(same, "soft", clean),
        }

    def _minimisers(self, points: Tensor, signs: Tensor) -> dict[str, float]:
        """Return how long w is where mixup's two losses are least."""
        every = mixed(points, signs, self.alpha, "any", self.nodes)
        kinds: tuple[Labels, ...] = ("soft", "signed")
        return {f"norm of the minimiser, Mixup, {k}": float(least(every, k).norm()) for k in kinds}

    def _descent(self, method: Method, looked_at: set[int]) -> Iterator[tuple[int, Tensor, float]]:
        """Yield step, w and loss at the steps that are looked at; w(0) is small and random."""
        generator = stream(self.seed, "init")
        w = 0.1 * torch.randn(2, generator=generator, dtype=torch.float64)
        for step in range(self.steps + 1):
            loss, gradient = method.gradient(w)
            if step in looked_at:
                yield step, w, loss
            w = w - self.lr * gradient

    def draw(self, found: Found, figure: Figure) -> None:
        """Draw a panel a quantity, and one legend below."""
        panels = figure.subplots(2, 2)
        for ax, (column, label) in zip(panels.ravel(), PANELS.items(), strict=True):
            for place, method in enumerate(found.distinct("method")):
                steps = found.column("step", method=method)
                line(ax, steps, found.column(column, method=method), method, place)
            ax.set_ylabel(label)
            if column != "norm":
                logarithmic_values(ax)
            logarithmic_steps(ax)
        panel_legend(figure, panels[0, 0])
