"""Noise on images `(n, c, h, w)` in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.engine.shifted import Draws


def gaussian_noise(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Add normal noise of one standard deviation everywhere."""
    deviation = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    return x + deviation * draws.normal(*x.shape[1:])


def shot_noise(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Count photons: Poisson, of so many where the image is white."""
    photons = (500, 250, 100, 75, 50)[severity - 1]
    return draws.poisson(x * photons) / photons


def impulse_noise(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Replace a share of the values by black or white ("salt and pepper")."""
    share = (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    hit, white = (draws.uniform(*x.shape[1:]) for _ in range(2))
    return torch.where(hit < share, (white < 0.5).to(x), x)


def speckle_noise(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Add normal noise in proportion to the brightness."""
    deviation = (0.06, 0.1, 0.12, 0.16, 0.2)[severity - 1]
    return x + x * deviation * draws.normal(*x.shape[1:])
