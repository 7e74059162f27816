"""Proper scores of each row: negative log-likelihood and Brier score.

    NLL    -sum_k y_k log p_k, in nats: the cross-entropy, where y is soft
    Brier  sum_k (p_k - y_k)^2, from 0 to 2 (Brier 1950: the sum over classes, not the mean)

For independent labels both are sums over labels, of -y log p - (1 - y) log (1 - p) and (p - y)^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vecdot
from torch.nn.functional import softplus

from mixup_multi.metrics.rows import Kind, check, rows_of, wide_rows


@dataclass(frozen=True)
class Scores:
    """Scores of n predictions, each `(n,)` in float64.

    Attributes:
        nll: in nats, at least the entropy of a soft target.
        brier: of classes from 0 to 2; of c labels from 0 to c.
    """

    nll: Tensor
    brier: Tensor


def scores(
    logits: Tensor, targets: Tensor, kind: Kind = "classes", temperature: float = 1.0
) -> Scores:
    """Return the scores of logits `(n, c)`, divided by a temperature, on targets `(n, c)`.

    Targets of classes may be indices `(n,)`.

    Raises:
        SettingError: shapes differ, there is no row, a row's largest logit is not finite, or the
            target of classes does not sum to 1.
    """
    targets = rows_of(targets, logits, kind)
    check(logits, targets, kind)
    of_rows = _of_classes if kind == "classes" else _of_labels
    found = [of_rows(f / temperature, y) for f, y in wide_rows(logits, targets)]
    return Scores(*(torch.cat(column) for column in zip(*found, strict=True)))


def _of_classes(f: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scores from e = exp(f - max f), of which p = e / sum e."""
    centred = f - f.amax(1, keepdim=True)
    e = centred.exp()
    total = e.sum(1)
    nll = total.log() * y.sum(1) - _weighted(y, centred)
    brier = vecdot(e, e) / total**2 - 2 * vecdot(e, y) / total + vecdot(y, y)
    return nll, brier.clamp_min(0)


def _of_labels(f: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    nll = _weighted(y, softplus(-f)) + _weighted(1 - y, softplus(f))
    return nll, (f.sigmoid() - y).square().sum(1)


def _weighted(y: Tensor, f: Tensor) -> Tensor:
    """Return <y, f>, in which y = 0 makes nothing of an infinite f, the logit of p = 0."""
    found: Tensor = vecdot(y, f)
    if bool(found.isnan().any()):
        return torch.where(y == 0, 0.0, y * f).sum(1)
    return found
