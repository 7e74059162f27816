"""Temperature scaling (Guo et al. 2017): the T > 0 of the least NLL of logits f / T.

The mean NLL is convex in beta = 1 / T. With p of beta f its slope is mean <p - y, f> and its
curvature, for classes, mean Var_p(f); the root of the slope is found by Newton's steps, which a
bracket keeps within bounds. Classes keep their order, so no error changes.

Both products are taken with f less its value at the prediction (f - max f; of a label -|f| where
it is missed), which changes no slope and leaves small numbers where all is sure and right.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import sqrt

import torch
from torch import Tensor
from torch.linalg import vecdot

from mixup_multi.errors import SettingError
from mixup_multi.metrics.rows import Kind, check, rows_of, wide_rows

LIMITS = (0.01, 100.0)
"""The least and the greatest T; the least is what logits without any mistake ask for."""

PRECISION = 1e-7  # of the last step, relative; a step of Newton's leaves its square
STEPS = 64  # ends the search where the NLL is too flat for that


def fitted_temperature(logits: Tensor, targets: Tensor, kind: Kind = "classes") -> float:
    """Return the temperature of the least NLL of logits `(n, c)` on targets `(n, c)`.

    Targets of classes may be indices `(n,)`.

    It is 1 where no temperature is better, e.g. for constant logits, and one of `LIMITS` where the
    best lies beyond it.

    Raises:
        SettingError: as in `scores`, or a logit is infinite.
    """
    targets = rows_of(targets, logits, kind)
    check(logits, targets, kind)
    if not bool(logits.isfinite().all()):
        raise SettingError("a logit is infinite: expected finite logits to fit a temperature to")
    true = _of_targets(logits, targets, kind)
    at = partial(_derivatives, logits, true, kind)
    least, greatest = LIMITS
    if at(1 / greatest)[0] > 0:
        return greatest
    if at(1 / least)[0] < 0:
        return least
    return 1 / _root(at, 1 / greatest, 1 / least)


def _root(at: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Return where a rising slope is 0, from the slope and its derivative; begin at 1."""
    beta = 1.0
    for _ in range(STEPS):
        slope, curvature = at(beta)
        if slope == 0:
            return beta
        low, high = (low, beta) if slope > 0 else (beta, high)
        newton = beta - slope / curvature if curvature > 0 else low
        following = newton if low < newton < high else sqrt(low * high)
        if abs(following - beta) <= PRECISION * beta:
            return following
        beta = following
    return beta


def _derivatives(logits: Tensor, true: float, kind: Kind, beta: float) -> tuple[float, float]:
    """Return the first and the second derivative of the mean NLL in beta."""
    of_rows = _of_classes if kind == "classes" else _of_labels
    sums = torch.stack([of_rows(f, beta) for (f,) in wide_rows(logits)]).sum(0)
    expected, variance = (sums / len(logits)).tolist()
    return expected - true, variance


def _of_targets(logits: Tensor, targets: Tensor, kind: Kind) -> float:
    """Return the mean of <y, f>, which has no beta in it."""
    total = 0.0
    for f, y in wide_rows(logits, targets):
        if kind == "classes":
            total += float(vecdot(y, f - f.amax(1, keepdim=True)).sum())
        else:
            total -= float((torch.where(f > 0, 1 - y, y) * f.abs()).sum())
    return total / len(logits)


def _of_classes(f: Tensor, beta: float) -> Tensor:
    """Return the sums over rows of <p, f> and Var_p(f)."""
    centred = f - f.amax(1, keepdim=True)
    e = (beta * centred).exp_()
    total = e.sum(1)
    expected = vecdot(e, centred) / total
    variance = vecdot(e.mul_(centred), centred) / total - expected**2
    return torch.stack([expected.sum(), variance.sum()])


def _of_labels(f: Tensor, beta: float) -> Tensor:
    """Return the same of labels; p misses the prediction by sigma(-beta |f|)."""
    size = f.abs()
    missed = (-beta * size).sigmoid()
    variance = missed * (1 - missed) * size.square()
    return torch.stack([-(missed * size).sum(), variance.sum()])
