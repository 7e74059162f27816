"""A tree of hidden states as one row an example, so that one ball holds all of it."""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.bounds import Bounds
from mixup_multi.tree import Tree, leaves, tree_map


class Flat:
    """What flows at a point.

    Attributes:
        rows: `(n, d)`, all leaves' values one after another.
        bounds: no range; each leaf's unit is its own root mean square.
    """

    def __init__(self, flow: Tree) -> None:
        self._like = flow
        parts = list(leaves(flow))
        self.rows = torch.cat([part.flatten(1) for part in parts], 1).detach()
        units = [Bounds.hidden(part).unit.expand(part[0].numel()) for part in parts]
        self.bounds = Bounds(torch.cat(units), words=Bounds.hidden(parts[0]).words)

    def tree(self, rows: Tensor) -> Tree:
        """Return rows `(n, d)` in the form of the flow."""
        widths = [leaf[0].numel() for leaf in leaves(self._like)]
        parts = iter(torch.split(rows, widths, 1))
        return tree_map(lambda leaf: next(parts).view(leaf.shape), self._like)
