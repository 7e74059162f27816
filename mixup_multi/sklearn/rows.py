"""Which rows are learnt from, in which order, and which are held out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from torch import Tensor

Rows = NDArray[np.int64]


def canonical_order(X: NDArray[Any], targets: Tensor) -> Rows:
    """Return the rows in an order of their own, so that fitting does not depend on the given one.

    They are sorted by their targets, and by a projection on a fixed direction, which no two
    different rows share but by accident.
    """
    direction = np.random.default_rng(0).standard_normal(X.shape[1])
    columns = targets.reshape(len(X), -1).numpy().T
    order: Rows = np.lexsort((X.astype(np.float64) @ direction, *columns))
    return order


def held_out(kept: Rows, strata: NDArray[Any] | None, share: float, seed: int) -> tuple[Rows, Rows]:
    """Divide rows, of which some may be there repeatedly, into those learnt from and others.

    Args:
        kept: the rows; all repetitions of one are on the same side.
        strata: what to stratify the different rows by, in their order; None for nothing.
        share: of the different rows that is held out.
        seed: decides which.
    """
    rows = np.unique(kept)
    _, held = train_test_split(rows, test_size=share, stratify=strata, random_state=seed)
    out = np.isin(kept, held)
    return kept[~out], kept[out]
