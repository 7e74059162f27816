"""Weights of examples as repetitions, which every method understands.

A method that mixes rows has no weight of a row left to multiply a loss by. A row that counts
twice is there twice: whole weights are repetitions exactly, and so is training with them, to the
bit. Other weights are approached by systematic resampling to as many rows as there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 100
"""Whole weights are repeated where they sum to at most so many times the number of rows."""


def repeated(weights: NDArray[Any]) -> NDArray[np.int64]:
    """Return rows, in order, each as often as its weight `(n,)` asks for.

    Raises:
        ValueError: a weight is negative, or all are zero.
    """
    if weights.min() < 0 or not weights.any():
        raise ValueError(
            f"sample_weight has values from {weights.min():g} to {weights.max():g}: expected"
            " numbers >= 0, of which one is above 0"
        )
    rows = np.arange(len(weights))
    total = weights.sum()
    if np.array_equal(weights, np.round(weights)) and total <= MOST * len(weights):
        return np.repeat(rows, weights.astype(np.int64))
    ends = np.cumsum(weights) / total * len(weights)
    places: NDArray[np.int64] = np.searchsorted(ends, rows + 0.5)
    return places
