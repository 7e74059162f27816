"""Standardising columns: x -> (x - mean) / deviation, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scaling:
    """How columns `(n, d)` are standardised; both attributes are `(d,)`.

    Attributes:
        centre: what is subtracted.
        spread: what is divided by, above 0.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def fit(cls, columns: NDArray[np.floating]) -> Self:
        """Return the mean and deviation of each column; a constant one is centred only.

        Constant is known by values: the deviation of equal numbers may be off 0 by rounding.
        """
        centre, spread = columns.mean(0, dtype=np.float64), columns.std(0, dtype=np.float64)
        constant = columns.min(0) == columns.max(0)
        return cls(
            np.where(constant, columns[0], centre),
            np.where(constant | (spread == 0), 1.0, spread),
        )

    @classmethod
    def none(cls, width: int) -> Self:
        """Return the scaling of `width` columns that leaves them as they are."""
        return cls(np.zeros(width), np.ones(width))

    def apply(self, columns: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return (x - centre) / spread."""
        scaled: NDArray[np.float64] = (columns - self.centre) / self.spread
        return scaled

    def undo(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return x = scaled * spread + centre."""
        return scaled * self.spread + self.centre
