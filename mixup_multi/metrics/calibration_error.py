"""The expected calibration error: how far confidence is from accuracy, over bins of confidence.

With n_b rows in bin b, whose mean confidence exceeds their accuracy by g_b:

    l1   ECE = sum_b n_b / n |g_b|                 (Naeini et al. 2015; Guo et al. 2017)
    l2   RMSCE = sqrt(sum_b n_b / n g_b^2)         (Kumar et al. 2019)
    max  MCE = max_b |g_b| over bins with rows     (Naeini et al. 2015)

It is biased upwards, the more the fewer rows a bin has: give bins and n with it.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mixup_multi.metrics.binning import BINS, Binning, binned

Norm = Literal["l1", "l2", "max"]
"""Of the gaps: their weighted mean (ECE), root mean square, or the largest (MCE)."""


def calibration_error(
    confidence: Tensor,
    correct: Tensor,
    weights: Tensor | None = None,
    *,
    bins: int = BINS,
    binning: Binning = "equal_width",
    norm: Norm = "l1",
) -> Tensor:
    """Return the calibration error in [0, 1] of each sample, `(b,)`.

    Args:
        confidence: `(n,)` in [0, 1].
        correct: `(n,)` in [0, 1].
        weights: `(b, n)`.
        bins: how many.
        binning: of equal width, or of equally many rows (adaptive).
        norm: over bins.
    """
    found = binned(confidence, correct, weights, bins=bins, binning=binning)
    return norm_of(found.count, found.gap, norm)


def norm_of(count: Tensor, gap: Tensor, norm: Norm) -> Tensor:
    """Return the norm `(...)` over bins of counts and gaps n_b g_b, both `(..., bins)`."""
    if norm == "l1":
        return gap.abs().sum(-1) / count.sum(-1)
    own = torch.where(count > 0, gap / count, 0.0)
    if norm == "max":
        return own.abs().amax(-1)
    return ((own * gap).sum(-1) / count.sum(-1)).sqrt()
