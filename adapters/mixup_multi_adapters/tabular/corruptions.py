"""Corruptions of encoded table rows, at severity 1 / 2 / 3 / 4 / 5.

| name | what happens | size |
|---|---|---|
| noise | normal noise on every number | .1 .2 .4 .7 1 training standard deviations |
| missing | a share of the values goes missing | .05 .1 .2 .35 .5 |
| scale | every numeric column is multiplied, about its mean, by f or 1/f | f 1.1 1.25 1.5 2 3 |
| offset | every numeric column moves up or down | .1 .25 .5 .75 1 standard deviations |
| level_swap | a share of the levels becomes another one | .05 .1 .2 .35 .5 |

A missing number becomes what it is imputed by, the training median, and its flag, where it has
one, is set; a missing level is the row of zeros (or code 0) of one that training has not seen. A
column that is constant in training stays as it is, but for going missing. `scale` and `offset` are
those of a device that was set up anew: each column has one draw (up or down), for all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeAlias, cast

import torch
from torch import Tensor

from mixup_multi.engine.shift import Shift
from mixup_multi.engine.shifted import Change, Draws, changed
from mixup_multi.engine.source import Source, TensorSource
from mixup_multi.streams import stream
from mixup_multi.tree import Tree

from .layout import Columns, numeric_part

_SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)


Corrupt: TypeAlias = Callable[[Tree, Columns, int, int, Draws], Tree]
"""`corrupt(rows, columns, severity, seed, draws)`: changed rows."""


def noise(rows: Tree, columns: Columns, severity: int, seed: int, draws: Draws) -> Tree:  # noqa: ARG001
    """Add normal noise to the numbers."""
    size = (0.1, 0.2, 0.4, 0.7, 1.0)[severity - 1]
    return _with_numbers(rows, columns, lambda x, _, spread: x + size * spread * _normal(x, draws))


def _normal(x: Tensor, draws: Draws) -> Tensor:
    return draws.normal(x.shape[1])


def scale(rows: Tree, columns: Columns, severity: int, seed: int, draws: Draws) -> Tree:  # noqa: ARG001
    """Multiply each numeric column about its mean, by a factor or by one over it."""
    factor = (1.1, 1.25, 1.5, 2.0, 3.0)[severity - 1]
    factors = factor ** _signs(columns, seed, "scale")
    return _with_numbers(
        rows,
        columns,
        lambda x, mean, spread: torch.where(spread > 0, mean + (x - mean) * factors.to(x), x),
    )


def offset(rows: Tree, columns: Columns, severity: int, seed: int, draws: Draws) -> Tree:  # noqa: ARG001
    """Move each numeric column up or down."""
    size = (0.1, 0.25, 0.5, 0.75, 1.0)[severity - 1]
    signs = _signs(columns, seed, "offset")
    return _with_numbers(rows, columns, lambda x, _, spread: x + size * spread * signs.to(x))


def missing(rows: Tree, columns: Columns, severity: int, seed: int, draws: Draws) -> Tree:  # noqa: ARG001
    """Let a share of the values go missing: numbers are imputed, levels become unknown."""
    share = _SHARES[severity - 1]
    gone = draws.uniform(columns.numbers + len(columns.levels)) < share
    numeric = numeric_part(rows).clone()
    first = columns.numbers
    numeric[:, :first] = torch.where(gone[:, :first], columns.fill.to(numeric), numeric[:, :first])
    for column, flag in enumerate(columns.flags):
        if flag is not None:
            numeric[:, flag] = torch.where(gone[:, column], 1.0, numeric[:, flag])
    for column, (start, length) in enumerate(columns.blocks, start=first):
        numeric[:, start : start + length] *= ~gone[:, column, None]
    if not columns.cardinalities:
        return numeric
    return {"numeric": numeric, "categorical": rows["categorical"] * ~gone[:, first:]}


def level_swap(rows: Tree, columns: Columns, severity: int, seed: int, draws: Draws) -> Tree:  # noqa: ARG001
    """Let a share of the levels become another one of those that training has seen."""
    share = _SHARES[severity - 1]
    chosen = draws.uniform(len(columns.levels)) < share
    turns = draws.uniform(len(columns.levels))
    numeric = numeric_part(rows).clone()
    for column, (start, length) in enumerate(columns.blocks):
        block = numeric[:, start : start + length]
        known = (block.sum(1) > 0) & chosen[:, column]
        codes = _turned(block.argmax(1), length, turns[:, column])
        swapped = torch.nn.functional.one_hot(codes, length).to(block)
        numeric[:, start : start + length] = torch.where(known[:, None], swapped, block)
    if not columns.cardinalities:
        return numeric
    codes = rows["categorical"].clone()
    for column, length in enumerate(columns.levels):
        known = (codes[:, column] > 0) & chosen[:, column]
        swapped = _turned(codes[:, column] - 1, length, turns[:, column]) + 1
        codes[:, column] = torch.where(known, swapped, codes[:, column])
    return {"numeric": numeric, "categorical": codes}


def _turned(codes: Tensor, levels: int, turn: Tensor) -> Tensor:
    """Return another code than each of `codes`, by a uniform number; the same where it is alone."""
    steps = 1 + (turn * (levels - 1)).long().clamp(max=max(levels - 2, 0))
    return (codes + steps) % levels


def _with_numbers(
    rows: Tree, columns: Columns, change: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> Tree:
    """Return rows with `change(numbers, mean, spread)` in place of their numbers."""
    numeric = numeric_part(rows)
    numbers = numeric[:, : columns.numbers]
    new = change(numbers, columns.mean.to(numbers), columns.spread.to(numbers))
    joined = torch.cat([new, numeric[:, columns.numbers :]], 1)
    return {**rows, "numeric": joined} if isinstance(rows, Mapping) else joined


def _signs(columns: Columns, seed: int, name: str) -> Tensor:
    """Return 1 or -1 for each numeric column: the same for all rows."""
    return torch.randint(0, 2, (columns.numbers,), generator=stream(seed, name)) * 2.0 - 1


@dataclass(frozen=True)
class TableCorruption(Shift):
    """A corruption of encoded rows.

    Attributes:
        name: by which it is known.
        corrupt: what it does.
        columns: of the rows.
    """

    name: str
    corrupt: Corrupt
    columns: Columns

    def of(self, source: Source, severity: int, seed: int) -> Source:
        """Return the corrupted rows."""
        if severity == 0:
            return source
        change: Change = partial(self._changed, severity, seed)
        return changed(cast(TensorSource, source), change, f"{self.name}/{severity}", seed)

    def _changed(self, severity: int, seed: int, rows: Tree, draws: Draws) -> Tree:
        return self.corrupt(rows, self.columns, severity, seed, draws)


def table_corruptions(columns: Columns) -> Mapping[str, Shift]:
    """Return the corruptions that have meaning for a table with such columns."""
    made: Sequence[Corrupt] = (missing,)
    if columns.numbers:
        made = (noise, *made, scale, offset)
    if any(length > 1 for length in columns.levels):
        made = (*made, level_swap)
    named = {corrupt.__name__: corrupt for corrupt in made}
    return MappingProxyType(
        {name: TableCorruption(name, corrupt, columns) for name, corrupt in named.items()}
    )
