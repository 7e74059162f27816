"""Filtering and resampling of image batches `(n, c, h, w)`, as the published generator does it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def gaussian(x: Tensor, sigma: float, truncate: float = 4.0, edge: str = "nearest") -> Tensor:
    """Blur as `scipy.ndimage.gaussian_filter`; `edge` is `nearest` or `reflect`, as there."""
    radius = int(truncate * sigma + 0.5)
    if radius == 0:
        return x
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    kernel = (-0.5 * (offsets / sigma).square()).exp()
    kernel = (kernel / kernel.sum()).to(x)
    for axis in (2, 3):
        padded = x.index_select(axis, _padding(x.shape[axis], radius, edge).to(x.device))
        x = padded.unfold(axis, 2 * radius + 1, 1) @ kernel
    return x


def _padding(size: int, radius: int, edge: str) -> Tensor:
    """Return the places that are read along an axis that is longer by `radius` at both ends."""
    place = torch.arange(-radius, size + radius)
    if edge == "nearest":
        return place.clamp(0, size - 1)
    place = place % (2 * size)  # mirrored about the outer border of the outermost pixel
    return torch.minimum(place, 2 * size - 1 - place)


def filtered(x: Tensor, kernel: Tensor) -> Tensor:
    """Correlate with `kernel` `(k, k)`, k odd, mirrored about the outermost pixel."""
    n, channels, height, width = x.shape
    padded = functional.pad(x, (len(kernel) // 2,) * 4, mode="reflect")
    flat = padded.reshape(n * channels, 1, *padded.shape[2:])
    return functional.conv2d(flat, kernel.to(x)[None, None]).reshape(n, channels, height, width)


def clipped_zoom(x: Tensor, factor: float) -> Tensor:
    """Enlarge the middle of each image by `factor` >= 1, linearly, to the image's own size."""
    height, width = x.shape[2:]
    rows, columns = math.ceil(height / factor), math.ceil(width / factor)
    top, left = (height - rows) // 2, (width - columns) // 2
    size = round(rows * factor), round(columns * factor)
    middle = x[:, :, top : top + rows, left : left + columns]
    large = functional.interpolate(middle, size, mode="bilinear", align_corners=True)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return large[:, :, top : top + height, left : left + width]


def motion_blurred(x: Tensor, radius: int, sigma: float, degrees: Tensor) -> Tensor:
    """Blur along a line of `2 * radius + 1` pixels from each pixel, at `degrees` `(n,)`.

    Weights fall as half a Gaussian; beyond the border the outermost pixel is repeated.
    """
    height, width = x.shape[2:]
    steps = torch.arange(2 * radius + 1, dtype=torch.float64)
    weights = (-0.5 * (steps / sigma).square()).exp()
    angle = degrees.cpu().double().deg2rad()[:, None]
    down, right = ((steps * turn - 0.5).ceil().long() for turn in (angle.sin(), angle.cos()))
    blurred = torch.zeros_like(x)
    for step, weight in enumerate((weights / weights.sum()).tolist()):
        rows = (torch.arange(height) + down[:, step, None]).clamp(0, height - 1)
        columns = (torch.arange(width) + right[:, step, None]).clamp(0, width - 1)
        blurred += weight * _pick(x, rows[:, :, None], columns[:, None, :])
    return blurred


def _pick(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return `x[i, :, rows[i], columns[i]]`; both broadcast to `(n, h, w)`."""
    place = (rows * x.shape[3] + columns).to(x.device)
    index = place.flatten(1)[:, None].expand(-1, x.shape[1], -1)
    return x.flatten(2).gather(2, index).reshape(*x.shape[:2], *place.shape[1:])


def bilinear(x: Tensor, rows: Tensor, columns: Tensor, edge: str = "mirror") -> Tensor:
    """Return `x` between pixels, at real `rows` and `columns` `(n, h, w)`.

    Args:
        x: `(n, c, h, w)`.
        rows: where to look, in pixels; 0 is the middle of the first.
        columns: likewise.
        edge: `mirror` about the outermost pixel, `reflect` about its outer border, or `constant`
            0, all as in `scipy.ndimage`.
    """
    total = torch.zeros((), device=x.device, dtype=x.dtype)
    top, left = rows.floor(), columns.floor()
    for down in (0, 1):
        for right in (0, 1):
            weight = (1 - (rows - top - down).abs()) * (1 - (columns - left - right).abs())
            at, inside = zip(
                _folded(top.long() + down, x.shape[2], edge),
                _folded(left.long() + right, x.shape[3], edge),
                strict=True,
            )
            weight = weight * (inside[0] & inside[1])
            total = total + weight[:, None].to(x) * _pick(x, *at)
    return total


def _folded(place: Tensor, size: int, edge: str) -> tuple[Tensor, Tensor]:
    """Return places within 0 .. size - 1, and which of them count."""
    if edge == "constant":
        return place.clamp(0, size - 1), (place >= 0) & (place < size)
    if edge == "reflect":
        place = place % (2 * size)
        return torch.minimum(place, 2 * size - 1 - place), torch.ones_like(place, dtype=torch.bool)
    place = place % max(2 * size - 2, 1)
    folded = torch.minimum(place, max(2 * size - 2, 1) - place) if size > 1 else place
    return folded, torch.ones_like(place, dtype=torch.bool)


def box_resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images in [0, 1] as Pillow's BOX filter does, to 8-bit values."""
    rows, columns = (
        torch.from_numpy(_box(old, new)).to(x) for old, new in zip(x.shape[2:], size, strict=True)
    )
    across = _eight_bit(x @ columns.T)
    return _eight_bit(rows @ across)


def _eight_bit(x: Tensor) -> Tensor:
    return (x * 255).add_(0.5).floor_() / 255


def _box(old: int, new: int) -> np.ndarray:
    """Return the weights `(new, old)` of Pillow's box filter."""
    scale = old / new
    support = 0.5 * max(scale, 1.0)
    centre = (np.arange(new)[:, None] + 0.5) * scale
    first = np.maximum((centre - support + 0.5).astype(int), 0)
    last = np.minimum((centre + support + 0.5).astype(int), old)
    place = np.arange(old)
    along = (place - centre + 0.5) / max(scale, 1.0)
    inside = (place >= first) & (place < last) & (along > -0.5) & (along <= 0.5)
    weights: np.ndarray = inside / inside.sum(1, keepdims=True)
    return weights
