"""From a table to tensors, with everything that is fitted seen in the training rows only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixup_multi.bounds import Bounds
from mixup_multi.engine.splits import Rows
from mixup_multi.errors import DataError
from mixup_multi.tree import Tree

from .fit import CodeFit, EncodeSettings, NumberFit, fit_codes, fit_numbers
from .table import Table

MOST_LEVELS = 10_000
"""More levels than this in one one-hot column are refused: they name rows, not categories."""


@dataclass(frozen=True)
class Encoder:
    """A fitted encoding of a table's rows.

    Attributes:
        numbers: the numeric columns that have a training value.
        codes: the categorical columns that have a training value.
        embed: whether categorical columns stay codes, to be embedded by the model.
    """

    numbers: tuple[NumberFit, ...]
    codes: tuple[CodeFit, ...]
    embed: bool

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of codes of each column to embed, with code 0; empty without embedding."""
        return tuple(fit.seen + 1 for fit in self.codes) if self.embed else ()

    @property
    def width(self) -> int:
        """The number of floating-point columns of an encoded row."""
        numeric = len(self.numbers) + sum(fit.flagged for fit in self.numbers)
        return numeric + (0 if self.embed else sum(fit.seen for fit in self.codes))

    def bounds(self, encoded: Tensor, *, standard: bool) -> Bounds:
        """Return what a legal row is: each column between its ends in training.

        A size of 1 is a standard deviation of a numeric column in training. What stands for a
        level or for a missing value, and a constant column, must not be changed. The largest size
        is the widest column's range.

        Args:
            encoded: the training rows `(n, width)`, none of whose columns is a code.
            standard: whether numeric columns are standardised.
        """
        low, high = encoded.amin(0), encoded.amax(0)
        unit = torch.zeros(self.width)
        numbers = slice(0, len(self.numbers))
        unit[numbers] = 1.0 if standard else encoded[:, numbers].std(0, unbiased=False)
        unit[low == high] = 0
        return Bounds.between(low, high, unit, low, "standard deviations of a feature")

    def apply(self, table: Table, rows: Rows) -> Tree:
        """Encode rows as float32 `(n, width)`: numbers, missing flags, one-hot levels.

        With columns to embed: `{"numeric": (n, width) float32, "categorical": (n, k) int64}`.
        """
        recoded = [fit.recode[table.codes[fit.column, rows]] for fit in self.codes]
        columns = np.empty((self.width, len(rows)), dtype=np.float32)
        _write_numbers(columns, self.numbers, table, rows)
        if self.embed and recoded:
            return {"numeric": _tensor(columns), "categorical": _tensor(np.stack(recoded))}
        first = self.width - sum(fit.seen for fit in self.codes)
        for fit, codes in zip(self.codes, recoded, strict=True):
            columns[first : first + fit.seen] = codes == np.arange(1, fit.seen + 1)[:, None]
            first += fit.seen
        return _tensor(columns)


def _write_numbers(
    columns: NDArray[np.float32], fits: Sequence[NumberFit], table: Table, rows: Rows
) -> None:
    flag = len(fits)
    for place, fit in enumerate(fits):
        values = table.numbers[fit.column, rows].astype(np.float64)
        absent = np.isnan(values)
        filled = np.where(absent, fit.fill, values)
        with np.errstate(over="ignore", invalid="ignore"):  # `check_finite` speaks of these
            columns[place] = (filled - fit.centre) * fit.factor
        if fit.flagged:
            columns[flag] = absent
            flag += 1


def _tensor(columns: NDArray[Any]) -> Tensor:
    """Turn columns `(d, n)` into rows `(n, d)`."""
    return torch.from_numpy(np.ascontiguousarray(columns.T))


def fit_encoder(name: str, table: Table, train: Rows, settings: EncodeSettings) -> Encoder:
    """Fit the encoding on the rows `train` of a table.

    Raises:
        DataError: no column has a training value, or a one-hot column has too many levels.
    """
    numbers = (
        fit_numbers(place, column[train].astype(np.float64), settings)
        for place, column in enumerate(table.numbers)
    )
    codes = (
        fit_codes(place, column[train], len(table.levels[place]))
        for place, column in enumerate(table.codes)
    )
    encoder = Encoder(
        numbers=tuple(fit for fit in numbers if fit is not None),
        codes=tuple(fit for fit in codes if fit.seen > 0),
        embed=settings.categorical == "embed",
    )
    _check_encoder(name, table, encoder)
    return encoder


def _check_encoder(name: str, table: Table, encoder: Encoder) -> None:
    if not encoder.numbers and not encoder.codes:
        raise DataError(f"{name}: every feature is missing in all training rows")
    for fit in encoder.codes:
        if not encoder.embed and fit.seen > MOST_LEVELS:
            column = table.code_names[fit.column]
            raise DataError(
                f"{name}: column {column!r} has {fit.seen} levels in training, more than the"
                f" {MOST_LEVELS} that are one-hot encoded. Leave it out with ignore: [{column}]"
                " (data sets openml and file), or choose categorical: embed."
            )
