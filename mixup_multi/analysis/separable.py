"""Separable linear classification: losses under mixup, and the distance to the largest margin.

Points x with signs s in {-1, 1}, y = (1 + s) / 2, f = <w, x>. With mixed points x~ and labels there
are two losses, which agree on unmixed points and nowhere else:

    soft     softplus(f(x~)) - y~ f(x~),    y~ mixed from {0, 1}: the theory's h(f) - y f
    signed   softplus(-s~ f(x~)),           s~ mixed from {-1, 1}

The soft loss of a pair of two classes grows in both directions of w, so its mean has a finite
minimiser. So has the signed one, though far away: between points of margins m and m' the label
changes its sign at lambda = 1/2 and f at m' / (m + m'), and where the signs differ the loss grows
with the norm of w. Only where all margins are equal, or pairs stay within a class, does the norm
grow for ever, as in plain training (Soudry et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from mixup_multi.analysis.law import drawn_law

Labels = Literal["soft", "signed"]
Partner = Literal["any", "same_class"]
Value = Callable[[Tensor], Tensor]
"""A loss as a function of the logits of its points."""


@dataclass(frozen=True)
class Weighted:
    """Points `(m, d)` with signs in [-1, 1] and weights `(m,)` that sum to 1."""

    points: Tensor
    signs: Tensor
    weights: Tensor


def unmixed(points: Tensor, signs: Tensor) -> Weighted:
    """Return points as they are, equally weighted."""
    return Weighted(points, signs, torch.full_like(signs, 1 / len(signs)))


def mixed(points: Tensor, signs: Tensor, alpha: float, partner: Partner, nodes: int) -> Weighted:
    """Return all mixed points: every pair, each at the nodes of the law of the share.

    A pair and its mirror image are one, since the law is symmetrical.
    """
    own, law = drawn_law(alpha, nodes)
    first, second = torch.triu_indices(len(signs), len(signs))
    weight = torch.where(first == second, 1.0, 2.0).to(points)
    if partner == "same_class":
        weight = weight * (signs[first] == signs[second])
    kept = weight > 0
    first, second, weight = first[kept], second[kept], weight[kept]
    return Weighted(
        torch.lerp(points[second], points[first], own[:, None, None]).flatten(0, 1),
        torch.lerp(signs[second], signs[first], own[:, None]).flatten(),
        (law[:, None] * weight / weight.sum()).flatten(),
    )


def loss_of(data: Weighted, w: Tensor, labels: Labels) -> Tensor:
    """Return the weighted mean loss of the linear model `w` `(d,)`."""
    f = data.points @ w
    if labels == "soft":
        values = functional.softplus(f) - (1 + data.signs) / 2 * f
    else:
        values = functional.softplus(-data.signs * f)
    return data.weights @ values


def least(data: Weighted, labels: Labels) -> Tensor:
    """Return the `w` `(d,)` of the least loss, for losses that have one, by L-BFGS."""
    w = (data.weights * data.signs) @ data.points
    w.requires_grad_()
    optimizer = torch.optim.LBFGS(
        [w],
        max_iter=2000,
        tolerance_grad=1e-10,
        tolerance_change=1e-15,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        optimizer.zero_grad()
        loss = loss_of(data, w, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return w.detach()


def fast_q(data: Weighted, w: Tensor) -> Tensor:
    """Return mean |qhat| with qhat = (y - sigmoid(f)) f, of unmixed points.

    For a linear model and points of mean 0, -qhat is the exact q.
    """
    f = data.points @ w
    q = ((1 + data.signs) / 2 - f.sigmoid()) * f
    return data.weights @ q.abs()


@dataclass(frozen=True)
class Separator:
    """The direction `(d,)`, of length 1, whose least margin s <w, x> is the largest, `margin`."""

    direction: Tensor
    margin: float


def largest_margin(points: Tensor, signs: Tensor) -> Separator:
    """Return the separator through 0 of the largest margin, by scikit-learn's SVM.

    Its intercept is 0 since every point is given with its mirror image; C is so large that no
    margin is given up.
    """
    from sklearn.svm import SVC

    turned = (points * signs[:, None]).numpy()
    both, sides = torch.cat([points, -points]).numpy(), torch.cat([signs, -signs]).numpy()
    machine = SVC(kernel="linear", C=1e6, tol=1e-9).fit(both, sides)
    w = torch.tensor(machine.coef_[0])
    direction = w / w.norm()
    return Separator(direction, float((turned @ direction.numpy()).min()))


def angle_gap(w: Tensor, best: Separator) -> float:
    """Return 1 - cos of the angle between `w` and the best direction; 0 to 2."""
    return float((w / w.norm() - best.direction).square().sum() / 2)


def margin_gap(w: Tensor, points: Tensor, signs: Tensor, best: Separator) -> float:
    """Return by how much the least margin of `w` falls short of the largest, in inputs' units."""
    return best.margin - float((signs * (points @ w)).min() / w.norm())
