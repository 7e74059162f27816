"""The class-wise calibration error: the mean over classes k of the calibration error of p_k.

Each p_k is the confidence that the class is k, of all rows, not of those only in which it is the
largest: (1 / c) sum_k sum_b n_bk / n |mean p_k - mean y_k| (Kull et al. 2019; the "static
calibration error" of Nixon et al. 2019; with bins of equal mass their adaptive one). It has a
meaning for independent labels too, where it is the mean over labels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.metrics.binning import BINS, Binning, width_index
from mixup_multi.metrics.calibration_error import Norm, calibration_error, norm_of
from mixup_multi.metrics.rows import CHUNK, rows_of
from mixup_multi.metrics.weights import weights_of

SUMS = 2**22
"""How many sums, and how many products of weights with probabilities, are held at a time."""


def classwise_error(
    probabilities: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    *,
    bins: int = BINS,
    binning: Binning = "equal_width",
    norm: Norm = "l1",
) -> Tensor:
    """Return the class-wise calibration error in [0, 1] of each sample, `(b,)`.

    Args:
        probabilities: `(n, c)` in [0, 1].
        targets: `(n, c)` in [0, 1], or class indices `(n,)`.
        weights: `(b, n)`.
        bins, binning, norm: of each class.
    """
    targets = rows_of(targets, probabilities)
    counts = weights_of(probabilities, weights)
    if binning == "equal_width":
        samples = torch.split(counts, max(1, SUMS // (bins * probabilities.shape[1])))
        found = (_equal_width(probabilities, targets, some, bins) for some in samples)
        return torch.cat([norm_of(count, gap, norm).mean(1) for count, gap in found])
    errors = [
        calibration_error(p, y, counts, bins=bins, binning=binning, norm=norm)
        for p, y in zip(probabilities.T, targets.T, strict=True)
    ]
    return torch.stack(errors).mean(0)


def _equal_width(
    probabilities: Tensor, targets: Tensor, counts: Tensor, bins: int
) -> tuple[Tensor, Tensor]:
    """Return counts and gaps `(b, c, bins)`.

    A row has fewer than `bins` probabilities above 1 / bins, so of many classes nearly all are in
    the first bin: its sums are those of all rows, a product of matrices, less the other bins'.
    """
    b, c = len(counts), probabilities.shape[1]
    count, gap = counts.new_zeros(2, b, c * bins)
    total = counts.new_zeros(b, c)
    size = max(1, min(CHUNK, SUMS // b) // c)
    rows = (torch.split(probabilities, size), torch.split(targets, size))
    for some, true, mass in zip(*rows, torch.split(counts, size, 1), strict=True):
        p = some.double()
        over = p - true
        total += mass @ over
        row, k = (p * bins > 1).nonzero(as_tuple=True)
        cell = (k * bins + width_index(p[row, k], bins)).expand(b, -1)
        drawn = mass[:, row]
        count.scatter_add_(1, cell, drawn)
        gap.scatter_add_(1, cell, drawn * over[row, k])
    count, gap = count.view(b, c, bins), gap.view(b, c, bins)
    count[..., 0] = counts.sum(1, keepdim=True) - count.sum(2)
    gap[..., 0] = total - gap.sum(2)
    return count, gap
