"""Rows in the order of a score, where rows of equal score are one group.

What depends on ranks only must not depend on how ties happen to be ordered; in a bootstrap
sample, where rows come several times, everything is full of ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ranked:
    """Rows by rising score.

    Attributes:
        order: `(n,)` the rows in their order.
        group: `(n,)` the group of each row in that order, from 0.
        groups: how many there are.
    """

    order: Tensor
    group: Tensor
    groups: int

    def summed(self, values: Tensor) -> Tensor:
        """Return the sums `(b, groups)` of values `(b, n)` over each group, by rising score."""
        ordered = values[:, self.order]
        if self.groups == len(self.order):
            return ordered
        sums = values.new_zeros(len(values), self.groups)
        return sums.scatter_add_(1, self.group.expand_as(ordered), ordered)


def ranked(score: Tensor) -> Ranked:
    """Return the order of scores `(n,)`."""
    rising, order = score.sort(stable=True)
    distinct, group = torch.unique_consecutive(rising, return_inverse=True)
    return Ranked(order, group, len(distinct))
