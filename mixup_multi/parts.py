"""How the parts of a model are run: a model's own, or those of many of one structure together.

A model whose inputs have no row for each example (graphs) writes its forward pass once, over a
`Run`. By `ONE` it is the model itself. A cohort runs M models by it: their examples follow one
another in one batch, as if they were one model's, and only parts with weights, statistics or
random numbers, which are run by `Run`, tell one member's rows from another's.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from mixup_multi.points import Edits
from mixup_multi.tree import Tree

__all__ = ["ONE", "ByParts", "Run"]

Counts = list[int] | None
"""How many rows each member has; None where they all have as many."""


class Run(Protocol):
    """Runs parts of a model: linear layers, BatchNorm, dropout, functions of an element, chains."""

    def __call__(self, part: nn.Module, rows: Tensor, counts: Counts = None) -> Tensor:
        """Return what `part` makes of `rows` `(r, d)`, one member's after another's."""

    def value(self, part: nn.Module, name: str, counts: list[int]) -> Tensor:
        """Return a number that is a parameter of `part`, for each of the rows where it differs."""

    def counts(self, sizes: Tensor) -> list[int]:
        """Return the members' rows where the batch's examples have `sizes` rows, `(n,)`."""


class _One:
    """One model's parts, as they are."""

    def __call__(self, part: nn.Module, rows: Tensor, counts: Counts = None) -> Tensor:  # noqa: ARG002
        out: Tensor = part(rows)
        return out

    def value(self, part: nn.Module, name: str, counts: list[int]) -> Tensor:  # noqa: ARG002
        number: Tensor = getattr(part, name)
        return number

    def counts(self, sizes: Tensor) -> list[int]:  # noqa: ARG002
        return []


ONE: Run = _One()
"""Runs the parts of one model: each is called as it is."""


@runtime_checkable
class ByParts(Protocol):
    """A model that many of its structure can be run by."""

    def forward_by(self, run: Run, inputs: Tree, edits: Edits) -> Tensor:
        """Return logits, of all members' examples one after another."""
