"""Blurs of images `(n, c, h, w)` in [0, 1].

Lengths are those published for sides of 32 pixels; on larger images they grow with the shorter
side, on smaller ones they are the same number of pixels.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mixup_multi.engine.shifted import Draws
from mixup_multi_adapters.images.corruptions.sampling import (
    clipped_zoom,
    filtered,
    gaussian,
    motion_blurred,
)


def scale_of(x: Tensor) -> float:
    """Return the shorter side in units of 32 pixels, at least 1."""
    return max(1.0, min(x.shape[2:]) / 32)


def gaussian_blur(x: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Blur by a Gaussian."""
    return gaussian(x, (0.4, 0.6, 0.7, 0.8, 1.0)[severity - 1] * scale_of(x))


def defocus_blur(x: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Blur by a disk whose rim is softened."""
    radius, soft = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))[severity - 1]
    return filtered(x, disk(radius * scale_of(x), soft))


def disk(radius: float, soft: float) -> Tensor:
    """Return a disk of weights that sum to 1, blurred by a Gaussian over 3 pixels (5 beyond 8)."""
    taps = 1 if radius <= 8 else 2
    reach = math.floor(radius) + taps
    place = torch.arange(-reach, reach + 1, dtype=torch.float64)
    inside = (place.square() + place[:, None].square() <= radius**2).double()
    kernel = (-0.5 * (torch.arange(-taps, taps + 1).double() / soft).square()).exp()
    kernel = kernel / kernel.sum()
    band = torch.zeros(len(place), len(place), dtype=torch.float64)
    for offset, weight in zip(range(-taps, taps + 1), kernel, strict=True):
        band += torch.diag(weight.expand(len(place) - abs(offset)), offset)
    return (band @ (inside / inside.sum()) @ band).float()


def motion_blur(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Blur along a line, at an angle of at most 45 degrees to the rows."""
    radius, sigma = ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))[severity - 1]
    scale = scale_of(x)
    degrees = draws.uniform(low=-45, high=45)
    return motion_blurred(x, math.ceil(radius * scale), sigma * scale, degrees)


def zoom_blur(x: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Average the image and itself enlarged step by step."""
    factors = np.arange(1, (1.06, 1.11, 1.16, 1.21, 1.26)[severity - 1], 0.01).tolist()
    return (x + sum(clipped_zoom(x, factor) for factor in factors)) / (len(factors) + 1)


def glass_blur(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Blur, let near pixels change places, blur again.

    The published generator's swap of two pixels is a copy of the one over the other, since numpy
    exchanges views of the same memory; so it is here.
    """
    sigma, passes = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))[severity - 1]
    scale = scale_of(x)
    reach = round(scale)
    blurred = (gaussian(x, sigma * scale) * 255 + 1e-3).floor() / 255
    pixels = blurred.permute(0, 2, 3, 1).contiguous()
    height, width = x.shape[2:]
    rows = range(height - reach, reach, -1)
    columns = range(width - reach, reach, -1)
    moves = draws.integers(-reach, reach, passes, len(rows), len(columns), 2)
    here = torch.arange(len(x), device=x.device)
    for number in range(passes):
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                across, down = moves[:, number, i, j].unbind(1)
                pixels[:, row, column] = pixels[here, row + down, column + across]
    return gaussian(pixels.permute(0, 3, 1, 2).contiguous(), sigma * scale)
