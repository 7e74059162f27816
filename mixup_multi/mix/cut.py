"""CutMix: a box of the partner is pasted into the row (Yun et al. 2019, equations 1 and 2).

The box has sides h sqrt(1 - own) and w sqrt(1 - own), rounded down, and a uniform centre, and is
clipped at the border; the labels' share is then one less the area that was really pasted. The
reference code edits the batch in place and swaps the names of height and width; here the batch
is left as it was, for MixupE still needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix.draw import Mix
from mixup_multi.tree import Tree, take_rows


@dataclass(frozen=True, slots=True)
class Cut:
    """Paste a box over the last two axes of `(n, c, h, w)`; one box a drawn share."""

    def draw(self, rows: int, generator: Generator) -> Tensor:
        """Return `(rows, 2)` uniform centres, as fractions of height and width."""
        return torch.rand(rows, 2, dtype=torch.float64, generator=generator)

    def __call__(self, tree: Tree, mix: Mix, drawn: Tensor | None) -> tuple[Tensor, Mix]:
        """Return the pasted images and the mix with the share of pixels that rows kept.

        Raises:
            PointError: what flows here is not a tensor `(n, c, h, w)`.
        """
        check_images("CutMix", tree, "Choose another point, or a linear blend.")
        if drawn is None:
            raise SettingError("CutMix was given no centres: expected what its `draw` returned")
        size = np.array(tree.shape[-2:])
        rest = np.maximum(1 - mix.own.numpy(), 0)
        half = (np.sqrt(rest)[:, None] * size).astype(np.int64) // 2
        start, end = boxes(half, half, drawn.numpy(), size)
        own = 1 - (end - start).prod(1) / size.prod()
        kept = torch.from_numpy(outside(start, end, size)).to(tree.device, non_blocking=True)
        pasted = choose(kept, tree, take_rows(tree, mix.partner))
        return pasted, Mix(mix.partner, torch.from_numpy(own))


def check_images(method: str, tree: Tree, way_out: str) -> None:
    """Raise `PointError` where what flows is not a tensor `(n, c, h, w)`."""
    if not isinstance(tree, Tensor) or tree.dim() != 4:
        what = tuple(tree.shape) if isinstance(tree, Tensor) else type(tree).__name__
        raise PointError(
            f"{method} was asked for where {what} flows: expected a tensor (n, c, h, w). {way_out}"
        )


# A few numbers for each box: numpy takes a third of the time that tensors of two numbers do.
_Numbers = NDArray[Any]


def boxes(
    before: _Numbers | int, after: _Numbers | int, centre: _Numbers, size: _Numbers
) -> tuple[_Numbers, _Numbers]:
    """Return where boxes start and end along height and width, clipped: `(rows, 2)` each.

    Args:
        before: how many pixels lie before the centre's, `(rows, 2)`.
        after: how many from the centre's on, `(rows, 2)`.
        centre: `(rows, 2)` fractions of height and width.
        size: `(2,)` height and width.
    """
    middle = (centre * size).astype(np.int64)
    return np.maximum(middle - before, 0), np.minimum(middle + after, size)


def outside(start: _Numbers, end: _Numbers, size: _Numbers) -> _Numbers:
    """Return `(rows, 1, h, w)`: which pixels lie outside of the boxes."""
    down, across = (
        (np.arange(side) >= start[:, axis, None]) & (np.arange(side) < end[:, axis, None])
        for axis, side in enumerate(size)
    )
    lies: _Numbers = ~(down[:, None, :, None] & across[:, None, None, :])
    return lies


def choose(kept: Tensor, own: Tensor, partner: Tensor) -> Tensor:
    """Return `own` where it is kept, else `partner`, which is overwritten.

    Between finite numbers a linear blend with shares of 1 and 0 is exact, and it takes a fraction
    of the time of `torch.where`, if the shares lie in memory as the images do.
    """
    if own.is_floating_point():
        return partner.lerp_(own, torch.empty_like(own[: len(kept)]).copy_(kept))
    return torch.where(kept, own, partner)
