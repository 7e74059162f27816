"""Bins of confidence: how many rows of each sample are in a bin, and by how much it is wrong.

*Equal width*: b bins (lo, hi] of [0, 1]; 0 is in the first (Guo et al. 2017). *Equal mass*, also
called adaptive: b bins with equally many rows (Nguyen & O'Connor 2015); a row is in the bin of
its place among all, (below + own / 2) / n, where rows of equal confidence share one place, so
that no bin depends on the order of ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from mixup_multi.metrics.ranked import ranked
from mixup_multi.metrics.weights import weights_of

Binning = Literal["equal_width", "equal_mass"]
"""Bins of equal width, or of equally many rows."""
BINS = 15
"""As in Guo et al. (2017)."""


@dataclass(frozen=True)
class Binned:
    """Sums over the rows of each bin of each sample, `(..., bins)` in float64.

    Attributes:
        count: the rows.
        confidence: what they say.
        correct: what is true of them.
    """

    count: Tensor
    confidence: Tensor
    correct: Tensor

    @property
    def gap(self) -> Tensor:
        """Return confidence - correct: above 0 where the rows are over-confident."""
        return self.confidence - self.correct


def width_index(confidence: Tensor, bins: int) -> Tensor:
    """Return the bin of equal width that each confidence in [0, 1] is in, from 0."""
    return (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)


def binned(
    confidence: Tensor,
    correct: Tensor,
    weights: Tensor | None = None,
    *,
    bins: int = BINS,
    binning: Binning = "equal_width",
) -> Binned:
    """Return the bins `(b, bins)` of confidences `(n,)` and truths `(n,)`, both in [0, 1]."""
    confidence, correct = confidence.double(), correct.double()
    counts = weights_of(confidence, weights)
    if binning == "equal_width":
        return _equal_width(confidence, correct, counts, bins)
    return _equal_mass(confidence, correct, counts, bins)


def _equal_width(confidence: Tensor, correct: Tensor, counts: Tensor, bins: int) -> Binned:
    """Return sums as products of the weights with columns that hold a bin's rows."""
    index = width_index(confidence, bins)[:, None]
    member = confidence.new_zeros(len(confidence), bins).scatter_(1, index, 1.0)
    sums = (counts, counts * confidence, counts * correct)
    return Binned(*(weighted @ member for weighted in sums))


def _equal_mass(confidence: Tensor, correct: Tensor, counts: Tensor, bins: int) -> Binned:
    """Return sums over bins that each sample has for itself."""
    rows = ranked(confidence)
    mass = rows.summed(counts)
    twice = 2 * mass.cumsum(1) - mass  # whole numbers, so that the quotient is not rounded up
    index = (bins * twice / (2 * counts.sum(1, keepdim=True))).long().clamp_max(bins - 1)
    sums = (mass, rows.summed(counts * confidence), rows.summed(counts * correct))
    empty = counts.new_zeros(len(counts), bins)
    return Binned(*(empty.scatter_add(1, index, values) for values in sums))
