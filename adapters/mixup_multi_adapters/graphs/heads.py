"""From the pooled vectors of all layers to logits.

An edit may change how many rows a pooled vector has (clean rows followed by mixed ones); the
vectors that it left alone are then repeated to fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mixup_multi.errors import PointError
from mixup_multi.parts import Run
from mixup_multi.points import Edits

Pooled = tuple[Tensor, ...]
"""One `(n, width)` a layer, the input first."""


class LinearHead(nn.Module):
    """The GIN protocol's: each layer's own linear map, dropout on its scores, and the sum.

    It is linear in the pooled vectors, so mixing all of them mixes the logits.
    """

    points: tuple[str, ...] = ()

    def __init__(self, widths: Sequence[int], classes: int, dropout: float) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(width, classes) for width in widths)
        self.dropout = nn.Dropout(dropout)

    def forward_by(self, run: Run, pooled: Pooled, edits: Edits) -> Tensor:  # noqa: ARG002
        """Return logits `(n, classes)`."""
        pairs = zip(self.maps, pooled, strict=True)
        return torch.stack([run(self.dropout, run(map_, h)) for map_, h in pairs]).sum(0)


class MlpHead(nn.Module):
    """Linear, ReLU, dropout, linear on the concatenated vectors; `hidden` is after the ReLU."""

    points: tuple[str, ...] = ("hidden",)

    def __init__(self, widths: Sequence[int], hidden: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(sum(widths), hidden)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, classes)

    def forward_by(self, run: Run, pooled: Pooled, edits: Edits) -> Tensor:
        """Return logits `(n, classes)`."""
        hidden = torch.relu(run(self.first, torch.cat(pooled, 1)))
        if "hidden" in edits:
            hidden = edits["hidden"](hidden)
        return run(self.last, run(self.dropout, hidden))


def edit_pooled(pooled: Pooled, edits: Edits) -> Pooled:
    """Apply the edits of `readout` (all vectors) and of `pooled0`, `pooled1`, ... (one each).

    Raises:
        PointError: an edit leaves a number of rows that the others cannot be repeated to.
    """
    if "readout" in edits:
        pooled = edits["readout"](pooled)
    edited = tuple(
        edits[f"pooled{layer}"](h) if f"pooled{layer}" in edits else h
        for layer, h in enumerate(pooled)
    )
    rows = max(len(h) for h in edited)
    return tuple(h if len(h) == rows else _repeated(h, rows) for h in edited)


def _repeated(pooled: Tensor, rows: int) -> Tensor:
    if not len(pooled) or rows % len(pooled):
        raise PointError(
            f"an edit of one pooled layer gave {rows} rows where another layer has {len(pooled)};"
            " expected as many, or a whole multiple such as clean rows followed by mixed ones"
        )
    return pooled.repeat(rows // len(pooled), 1)
