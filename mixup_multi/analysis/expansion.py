"""The mixup loss and its second-order expansion (Zhang, L. et al. 2021, Lemma 3.1).

For a loss l = h(f) - <y, f>, with p = h'(f), a = 1 - lambda, lambda of D~, and v = r - x_i for
training inputs r:

    L_mix = mean_i E_lambda,r l(f(x_i + a v), y_i)
          = L_std + R1 + R2 + R3 + third order in a
    R1 = E[a]       mean_i E_r <p_i - y_i, J_i v>
    R2 = E[a^2] / 2 mean_i E_r (J_i v)^T h''(f_i) (J_i v)
    R3 = E[a^2] / 2 mean_i E_r <p_i - y_i, v^T H_i v>

Here h is the log-sum-exp of K classes, so h'' = diag(p) - p p^T and the form in R2 is the variance
of J v under p. For K = 2 it is logistic regression with the logit f_1 - f_0. No Hessian is formed:
J v and v^T H v are directional derivatives, of which a linear model has f(r) - f(x_i) and 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import jvp

from mixup_multi.analysis.law import modified_law, rest_moments
from mixup_multi.objectives.losses import Loss, Softmax

Function = Callable[[Tensor], Tensor]
CROSS_ENTROPY: Loss = Softmax()
CHUNK = 65_536  # rows that a model sees at once


@dataclass(frozen=True)
class Expansion:
    """The terms of the expansion; `total` is their sum."""

    std: float
    r1: float
    r2: float
    r3: float

    @property
    def total(self) -> float:
        """L_std + R1 + R2 + R3."""
        return self.std + self.r1 + self.r2 + self.r3


@torch.no_grad()
def mixup_loss(
    model: Function,
    inputs: Tensor,
    targets: Tensor,
    alpha: float,
    nodes: int = 24,
    loss: Loss = CROSS_ENTROPY,
) -> float:
    """Return L_mix over all n^2 pairs, `nodes` shares each.

    Args:
        model: inputs `(m, d)` -> logits `(m, c)`, rows independent of each other.
        inputs: `(n, d)`.
        targets: `(n, c)`.
        alpha: of the mixing law.
        nodes: of the quadrature; of smooth models the error falls exponentially with it.
        loss: linear in the targets.
    """
    own, weight = modified_law(alpha, nodes)
    total = 0.0
    for rows in _chunks(len(inputs), nodes * len(inputs)):
        mixed = torch.lerp(inputs[:, None], inputs[rows, None, None], own[:, None])
        logits = model(mixed.flatten(0, -2)).view(len(rows), -1, targets.shape[1])
        said = targets[rows, None].expand_as(logits)
        losses = loss.value(logits.flatten(0, 1), said.flatten(0, 1))
        total += float((losses.view(-1, nodes) @ weight).sum())
    return total / len(inputs) ** 2


@torch.no_grad()
def linear_mixup_loss(logits: Tensor, targets: Tensor, alpha: float, nodes: int = 24) -> float:
    """Return L_mix of a linear model, whose logits `(n, c)` mix as its inputs do."""
    return mixup_loss(lambda mixed: mixed, logits, targets, alpha, nodes)


def expansion(model: Function, inputs: Tensor, targets: Tensor, alpha: float) -> Expansion:
    """Return the terms for any model; arguments as of `mixup_loss`."""
    n = len(inputs)
    parts = []
    for rows in _chunks(n, n):
        at = inputs[rows].repeat_interleave(n, 0)
        along = (inputs - inputs[rows, None]).flatten(0, 1)
        logits, first, second = directional(model, at, along)
        shape = (len(rows), n, -1)
        own = logits.view(shape)[:, 0]
        parts.append(_terms(own, targets[rows], first.view(shape), second.view(shape), alpha))
    return _joined(torch.stack(parts).sum(0) / n)


def linear_expansion(logits: Tensor, targets: Tensor, alpha: float) -> Expansion:
    """Return the terms for a linear model in closed form, from its logits `(n, c)` alone."""
    first = logits - logits[:, None]
    parts = _terms(logits, targets, first, torch.zeros_like(first), alpha)
    return _joined(parts / len(logits))


@torch.no_grad()
def directional(model: Function, at: Tensor, along: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return f, J v and v^T H v of each row `(m, c)`, at `at` `(m, d)` along v `(m, d)`."""

    def first(points: Tensor) -> tuple[Tensor, Tensor]:
        pair: Any = jvp(model, (points,), (along,))
        return pair[0], pair[1]

    found: Any = jvp(first, (at,), (along,))
    (logits, derivative), (_, second) = found
    return logits, derivative, second


def _chunks(rows: int, each: int) -> list[Tensor]:
    """Return the rows in chunks, where each row makes `each` rows of the model."""
    return list(torch.split(torch.arange(rows), max(1, CHUNK // each)))


def _terms(logits: Tensor, targets: Tensor, first: Tensor, second: Tensor, alpha: float) -> Tensor:
    """Return L_std, R1, R2 and R3, summed over the rows of `logits` `(m, c)`.

    `first` and `second` are J v and v^T H v, `(m, n, c)`.
    """
    mean, square = rest_moments(alpha)
    p = logits.softmax(1)
    slope = (p - targets)[:, None]
    variance = (p[:, None] * first**2).sum(2) - (p[:, None] * first).sum(2) ** 2
    return torch.stack(
        [
            CROSS_ENTROPY.value(logits, targets).sum(),
            mean * (slope * first).sum(2).mean(1).sum(),
            square / 2 * variance.mean(1).sum(),
            square / 2 * (slope * second).sum(2).mean(1).sum(),
        ]
    )


def _joined(terms: Tensor) -> Expansion:
    return Expansion(*terms.tolist())
