"""Metrics of weighted rows: what a bootstrap needs, and one row each is the plain metric.

Every metric here takes weights `(b, n)`, how often each of n rows counts in each of b samples,
and returns `(b,)`; without weights every row counts once, and b is 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Metric = Callable[[Tensor | None], Tensor]
"""Weights `(b, n)` or None -> `(b,)`."""


def weights_of(rows: Tensor, weights: Tensor | None) -> Tensor:
    """Return the weights `(b, n)` in float64; ones `(1, n)` where there are none."""
    if weights is None:
        return torch.ones(1, len(rows), dtype=torch.float64, device=rows.device)
    return weights.double()


def mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean of `(n,)` values over each sample's rows, `(b,)`."""
    counts = weights_of(values, weights)
    return counts @ values.double() / counts.sum(1)
