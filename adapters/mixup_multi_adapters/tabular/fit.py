"""What the training rows say of one column: how it is filled, scaled and recoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scale = Literal["standard", "none"]
Categorical = Literal["onehot", "embed"]


@dataclass(frozen=True)
class EncodeSettings:
    """How columns become inputs; see the loaders of `data` for the fields."""

    indicator: bool = True
    scale: Scale = "standard"
    categorical: Categorical = "onehot"


@dataclass(frozen=True)
class NumberFit:
    """What the training rows say of a numeric column `x`: it is read as `(x - centre) * factor`.

    Attributes:
        column: its place among the table's numeric columns.
        fill: the training median, which stands for a missing value.
        centre: the training mean, 0 where nothing is scaled.
        factor: one over the training standard deviation (of all rows, not `n - 1`); 0 where the
            column is constant in training, so that it stays 0 on every row.
        flagged: whether a column of its own says where a value is missing (1) or not (0).
    """

    column: int
    fill: float
    centre: float
    factor: float
    flagged: bool


@dataclass(frozen=True)
class CodeFit:
    """The levels of a categorical column that training has seen.

    Attributes:
        column: its place among the table's categorical columns.
        recode: `(levels + 1,)`: a level's new code, from 1; 0 for a level that training has not
            seen and, in the last place, which code -1 reads, for a missing value.
        seen: the number of levels seen.
    """

    column: int
    recode: NDArray[np.int64]
    seen: int


def fit_numbers(
    column: int, values: NDArray[np.float64], settings: EncodeSettings
) -> NumberFit | None:
    """Fit one numeric column; None where it is missing in every training row."""
    absent = np.isnan(values)
    if absent.all():
        return None
    fill = float(np.median(values[~absent]))
    flagged = settings.indicator and bool(absent.any())
    if settings.scale == "none":
        return NumberFit(column, fill, centre=0.0, factor=1.0, flagged=flagged)
    filled = np.where(absent, fill, values)
    if filled.min() == filled.max():  # by values: a mean of equal numbers may be off by rounding
        return NumberFit(column, fill, centre=float(filled[0]), factor=0.0, flagged=flagged)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        centre, spread = filled.mean(), filled.std()
        factor = 1 / spread if np.isfinite(spread) else np.nan  # NaN, which `check_finite` names
    return NumberFit(column, fill, float(centre), float(factor), flagged)


def fit_codes(column: int, codes: NDArray[np.int32], levels: int) -> CodeFit:
    """Fit one categorical column with `levels` declared levels to its training codes."""
    seen = np.unique(codes[codes >= 0])
    recode = np.zeros(levels + 1, dtype=np.int64)
    recode[seen] = np.arange(1, len(seen) + 1)
    return CodeFit(column, recode, len(seen))
