"""AugMix's operations on whole batches, each row with a strength of its own.

Images are `(n, c, h, w)` float32 that hold whole 8-bit levels, 0 to 255, and so do the results:
what Pillow's `ImageOps` and its bilinear transforms make of the same pixels (the lookup tables
exactly; interpolated pixels up to one level where rounding decides). The nine operations and how a
strength becomes an angle or a threshold are those of the released code
(google-research/augmix, augmentations.py); colour operations are not among them, as they overlap
with test corruptions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

TOP = 255
SLACK = (
    2e-3  # of a level: whole levels that rounding has put just below must not be cut to the next
)

Operation = Callable[[Tensor, Tensor], Tensor]
"""`operation(levels, strength)`: `(n, c, h, w)`; `(n,)` in [-10, 10], whose sign is a direction."""


def autocontrast(levels: Tensor, strength: Tensor) -> Tensor:  # noqa: ARG001  (it has none)
    """Stretch each channel over all levels; a channel of one level stays."""
    wide = levels.double()  # and in this order, so as to be cut off where Pillow's numbers are
    low, high = wide.amin((2, 3), keepdim=True), wide.amax((2, 3), keepdim=True)
    scale = torch.full_like(low, TOP) / (high - low).clamp_min(1)
    stretched = (wide * scale - low * scale).floor().clamp(0, TOP).to(levels.dtype)
    return torch.where(high > low, stretched, levels)


def equalize(levels: Tensor, strength: Tensor) -> Tensor:  # noqa: ARG001  (it has none)
    """Spread each channel's levels so that they are about equally frequent."""
    pixels = levels.flatten(2).long()  # (n, c, h w)
    count = pixels.new_zeros(*pixels.shape[:2], TOP + 1)
    count.scatter_add_(2, pixels, torch.ones_like(pixels))
    brightest = count.gather(2, pixels.amax(2, keepdim=True))
    step = (count.sum(2, keepdim=True) - brightest) // TOP
    below = count.cumsum(2) - count
    table = ((below + step // 2) // step.clamp_min(1)).clamp_max(TOP)
    spread = table.gather(2, pixels).view_as(levels).to(levels.dtype)
    return torch.where((step > 0)[..., None], spread, levels)


def posterize(levels: Tensor, strength: Tensor) -> Tensor:
    """Keep the 4 highest bits, or one less for each 2.5 of strength."""
    bits = 4 - (strength.abs() * 4 / 10).floor()
    grain = _column(2 ** (8 - bits))
    return (levels / grain).floor() * grain


def solarize(levels: Tensor, strength: Tensor) -> Tensor:
    """Invert the levels from a threshold on, which falls from 256 by 25.6 for each strength."""
    threshold = _column(256 - (strength.abs() * 256 / 10).floor())
    return torch.where(levels < threshold, levels, TOP - levels)


def rotate(levels: Tensor, strength: Tensor) -> Tensor:
    """Rotate by whole degrees, 3 for each strength, counterclockwise where it is positive."""
    angle = torch.deg2rad((strength * 3).trunc().double())
    x, y = _centred(levels)
    cos, sin = _column(angle.cos())[:, 0], _column(angle.sin())[:, 0]
    height, width = levels.shape[2:]
    return _sampled(levels, x * cos - y * sin + width / 2, x * sin + y * cos + height / 2)


def shear_x(levels: Tensor, strength: Tensor) -> Tensor:
    """Shift each line by 0.03 of its height for each strength."""
    x, y = _places(levels)
    return _sampled(levels, x + _column(strength * 0.03)[:, 0] * y, y)


def shear_y(levels: Tensor, strength: Tensor) -> Tensor:
    """Shift each column by 0.03 of its place for each strength."""
    x, y = _places(levels)
    return _sampled(levels, x, y + _column(strength * 0.03)[:, 0] * x)


def translate_x(levels: Tensor, strength: Tensor) -> Tensor:
    """Shift by whole pixels to the left, a thirtieth of the width for each strength."""
    x, y = _places(levels)
    return _sampled(levels, x + _column((strength * (levels.shape[3] / 30)).trunc())[:, 0], y)


def translate_y(levels: Tensor, strength: Tensor) -> Tensor:
    """Shift by whole pixels upwards, a thirtieth of the height for each strength."""
    x, y = _places(levels)
    return _sampled(levels, x, y + _column((strength * (levels.shape[2] / 30)).trunc())[:, 0])


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        made.__name__: made
        for made in (
            *(autocontrast, equalize, posterize, rotate, solarize),
            *(shear_x, shear_y, translate_x, translate_y),
        )
    }
)


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _places(levels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pixels' middles, x `(1, 1, w)` and y `(1, h, 1)`, in float64."""
    height, width = (
        torch.arange(side, dtype=torch.float64, device=levels.device) + 0.5
        for side in levels.shape[2:]
    )
    return width[None, None, :], height[None, :, None]


def _centred(levels: Tensor) -> tuple[Tensor, Tensor]:
    x, y = _places(levels)
    return x - levels.shape[3] / 2, y - levels.shape[2] / 2


def _sampled(levels: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return what lies at x, y, interpolated between pixels' middles; black outside of the image.

    Args:
        levels: `(n, c, h, w)`.
        x: `(n, h, w)`, or what broadcasts to it, in pixels from the left border.
        y: the same from the upper border.
    """
    height, width = levels.shape[2:]
    x, y = torch.broadcast_tensors(x, y)  # type: ignore[no-untyped-call]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    grid = torch.stack([2 * x / width - 1, 2 * y / height - 1], 3).to(levels.dtype)
    found = functional.grid_sample(levels, grid, padding_mode="border", align_corners=False)
    return (found + SLACK).floor().clamp_max(TOP) * inside[:, None]
