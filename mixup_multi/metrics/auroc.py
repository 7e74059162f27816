"""AUROC of finding mistakes by confidence (Hendrycks & Gimpel 2017).

The probability that a right prediction is more confident than a wrong one, where a tie counts
half: 0.5 is chance. A prediction that is right to a share a (a soft target) is a right one of
weight a and a wrong one of weight 1 - a.
"""

from __future__ import annotations

from torch import Tensor

from mixup_multi.metrics.ranked import ranked
from mixup_multi.metrics.weights import weights_of


def auroc(confidence: Tensor, correct: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the AUROC of each sample, `(b,)`; NaN where all predictions are right, or wrong.

    Args:
        confidence: `(n,)`.
        correct: `(n,)` in [0, 1].
        weights: `(b, n)`.
    """
    rows, counts = ranked(confidence), weights_of(confidence, weights)
    right = rows.summed(counts * correct.double())
    wrong = rows.summed(counts * (1 - correct.double()))
    below = wrong.cumsum(1) - wrong / 2
    return (right * below).sum(1) / (right.sum(1) * wrong.sum(1))
