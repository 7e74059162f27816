"""The linear blend: own x_i + (1 - own) x_j (Zhang et al. 2018, equation 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

from torch import Generator, Tensor

from mixup_multi.errors import PointError
from mixup_multi.mix.draw import Mix
from mixup_multi.tree import Tree, per_row, take_rows, tree_map


class Blend(Protocol):
    """A way to make one row of two.

    `draw` draws what the blend itself needs beyond partner and share (a place, a mask);
    calling it returns the blended tree *and the mix that the labels should get*.
    """

    def draw(self, rows: int, generator: Generator) -> Tensor | None:
        """Return what `rows` blends need, on the CPU, or None."""

    def __call__(self, tree: Tree, mix: Mix, drawn: Tensor | None) -> tuple[Tree, Mix]:
        """Return the blended tree and the mix that the labels should get."""


@runtime_checkable
class LearntBlend(Protocol):
    """A blend that learns from the training part, and may know its examples."""

    def fit(self, train: Any) -> Self:
        """Return the blend, fitted to the training part."""

    def at(self, rows: Tensor | None) -> Self:
        """Return the blend for the examples at `rows` of the training part; None for others."""


def check_mixable(leaf: Tensor) -> None:
    """Raise `PointError` where the values are integers, codes of which no mean exists."""
    if not leaf.is_floating_point():
        raise PointError(
            f"values of type {leaf.dtype} cannot be mixed: expected floating point. Mix integer"
            " codes at a point after their embedding, pixels after their normalisation."
        )


def check_rows(leaf: Tensor, mix: Mix) -> None:
    """Raise `PointError` where a mix is of another number of rows: one row would be broadcast."""
    n = len(mix.partner)
    if not leaf.dim() or len(leaf) != n:
        raise PointError(
            f"a tensor of shape {tuple(leaf.shape)} cannot be mixed with the partners of {n} rows:"
            f" expected ({n}, ...), a row for each row of the targets"
        )


def mix_rows(leaf: Tensor, mix: Mix) -> Tensor:
    """Return own x_i + (1 - own) x_partner for every row of `leaf` `(n, ...)`.

    At own = 1 and own = 0 the result is one of the two rows bit for bit. The argument is left
    as it was.

    Raises:
        PointError: the values are integers, codes of which no mean exists; or the mix is of
            another number of rows.
    """
    check_mixable(leaf)
    check_rows(leaf, mix)
    own = per_row(mix.own.to(leaf, non_blocking=True), leaf)
    return take_rows(leaf, mix.partner).lerp_(leaf, own)


def map_mixable(mixed: Callable[..., Tensor], tree: Tree, *others: Tree) -> Tree:
    """Return what `mixed` makes of the leaves of `tree`, and of `others` like it.

    Raises:
        PointError: it is no tree of tensors, e.g. a graph batch.
    """
    try:
        return tree_map(mixed, tree, *others)
    except TypeError as error:
        raise PointError(
            f"mixing was asked for where no tensors flow ({error}); choose another point of"
            " the model, e.g. a graph model's readout"
        ) from error


@dataclass(frozen=True, slots=True)
class Linear:
    """Mix every leaf with the drawn share; the labels get the same share."""

    def draw(self, rows: int, generator: Generator) -> None:
        """Draw nothing: a linear blend needs no more than partner and share."""

    def __call__(self, tree: Tree, mix: Mix, drawn: Tensor | None = None) -> tuple[Tree, Mix]:  # noqa: ARG002
        """Return the mixed tree and the drawn mix.

        Raises:
            PointError: what flows here is no tree of floating point tensors, e.g. a graph batch.
        """
        return map_mixable(lambda leaf: mix_rows(leaf, mix), tree), mix
