"""The reliability diagram: per bin of confidence, how often the predictions are right.

DeGroot & Fienberg (1983), Niculescu-Mizil & Caruana (2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixup_multi.metrics.binning import BINS, Binning, binned
from mixup_multi.metrics.calibration_error import norm_of

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Reliability:
    """Predictions by their confidence.

    Attributes:
        count, confidence, correct: `(bins,)` sums over the predictions of each bin.
    """

    count: Array
    confidence: Array
    correct: Array

    def __add__(self, other: Reliability) -> Reliability:
        """Return that of both sets of predictions; it has a meaning for bins of equal width."""
        return Reliability(
            self.count + other.count,
            self.confidence + other.confidence,
            self.correct + other.correct,
        )

    @property
    def ece(self) -> float:
        """Return the expected calibration error in percent: sum_b |confidence - correct| / n."""
        gap = torch.from_numpy(self.confidence - self.correct)
        return 100 * float(norm_of(torch.from_numpy(self.count), gap, "l1"))

    @property
    def accuracy(self) -> Array:
        """Return the share `(bins,)` that is correct; NaN in empty bins."""
        return _mean(self.correct, self.count)

    @property
    def mean_confidence(self) -> Array:
        """Return the mean confidence `(bins,)`; NaN in empty bins."""
        return _mean(self.confidence, self.count)


def _mean(sums: Array, count: Array) -> Array:
    found: Array = np.divide(sums, count, out=np.full_like(count, np.nan), where=count > 0)
    return found


def reliability(
    confidence: Tensor, correct: Tensor, *, bins: int = BINS, binning: Binning = "equal_width"
) -> Reliability:
    """Return the reliability of predictions' confidences `(n,)` and truths `(n,)`."""
    found = binned(confidence, correct, bins=bins, binning=binning)
    sums = (found.count, found.confidence, found.correct)
    return Reliability(*(values[0].cpu().numpy() for values in sums))
