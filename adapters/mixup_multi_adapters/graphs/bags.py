"""Sums over runs of rows: of a node's neighbours, of a graph's nodes.

`index_select` and `index_add` write every edge's row to memory and read it back; a bag adds it up
where it is needed, which was measured to be 4 to 8 times as fast, and is deterministic on CUDA too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Bags(NamedTuple):
    """Which rows are summed: bag b is `rows[starts[b]]`, ... up to where bag b + 1 starts.

    Attributes:
        rows: `(e,)` numbers of rows, bag after bag.
        starts: `(b,)` where each bag starts; a bag may be empty.
    """

    rows: Tensor
    starts: Tensor


def sum_bags(h: Tensor, bags: Bags, back: Bags) -> Tensor:
    """Return the sum of the rows of `h` `(n, d)` in each bag, `(b, d)`.

    Args:
        h: rows.
        bags: b of them, of rows of `h`.
        back: n bags of bags: those that each row lies in, by which gradients go back.
    """
    summed: Tensor = _SumBags.apply(h, bags, back)  # type: ignore[no-untyped-call]
    return summed


class _SumBags(torch.autograd.Function):
    """The gradient of sums over bags are sums over the bags that go back, to any order."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, bags: Bags, back: Bags) -> Tensor:
        """Return the bags' sums."""
        ctx.both = (bags, back)
        return torch.embedding_bag(h, bags.rows, bags.starts, False, 0)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of `h`."""
        bags, back = ctx.both
        return sum_bags(gradients[0], back, bags), None, None
