"""The area under the risk-coverage curve (Geifman & El-Yaniv 2017; Geifman et al. 2019).

AURC = (1 / n) sum_m error of the m most confident predictions. Rows of equal confidence count in
the mean over all their orders: with E errors among the N rows above a group of m rows and of
error r, the group adds sum_j (E + j r) / (N + j) = r m + (E - r N) (H_{N+m} - H_N), where H are
the harmonic numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.metrics.ranked import ranked
from mixup_multi.metrics.weights import weights_of


def risk_coverage_area(
    confidence: Tensor, correct: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Return the AURC in [0, 1] of each sample, `(b,)`; less is better.

    Args:
        confidence: `(n,)`.
        correct: `(n,)` in [0, 1].
        weights: `(b, n)` whole numbers, with equal sums.
    """
    rows, counts = ranked(-confidence), weights_of(confidence, weights)
    mass, wrong = rows.summed(counts), rows.summed(counts * (1 - correct.double()))
    upto = mass.cumsum(1)
    above, errors = upto - mass, wrong.cumsum(1) - wrong
    risk = torch.where(mass > 0, wrong / mass, 0.0)
    steps = 1 / torch.arange(1, int(upto[:, -1].max()) + 1, dtype=mass.dtype, device=mass.device)
    harmonic = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    between = harmonic[upto.round().long()] - harmonic[above.round().long()]
    return (wrong + (errors - risk * above) * between).sum(1) / upto[:, -1]
