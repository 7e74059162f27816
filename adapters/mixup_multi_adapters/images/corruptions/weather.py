"""Weather on images `(n, c, h, w)` in [0, 1]: fog, snow, frost and brightness."""

from __future__ import annotations

import importlib.resources
import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from mixup_multi.engine.shifted import Draws
from mixup_multi_adapters.images.corruptions.blur import scale_of
from mixup_multi_adapters.images.corruptions.sampling import clipped_zoom, motion_blurred

FROST = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")
"""Photographs in the package `imagecorruptions`; the published generator uses the first five."""


def brightness(x: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Raise the value (of hue, saturation and value), the largest of a pixel's channels."""
    value = x.amax(1, keepdim=True)
    raised = (value + (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1]).clamp(max=1)
    return torch.where(value > 0, x * (raised / value.clamp(min=1e-12)), raised)


def fog(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Add a plasma fractal, and keep the image's largest value where it was."""
    amount, decay = ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))[severity - 1]
    height, width = x.shape[2:]
    size = 2 ** math.ceil(math.log2(max(height, width)))
    haze = plasma(size, decay, draws)[:, None, :height, :width].to(x.device)
    largest = x.amax((1, 2, 3), keepdim=True)
    return (x + amount * haze) * largest / (largest + amount)


def plasma(size: int, decay: float, draws: Draws) -> Tensor:
    """Return fractals `(n, size, size)` in [0, 1] by the diamond-square algorithm on a torus."""
    wibble, step = 100.0, size
    field = torch.zeros(len(draws), size, size, dtype=torch.float64)

    def moved(total: Tensor) -> Tensor:
        noise = draws.uniform(*total.shape[1:], low=-wibble, high=wibble).cpu()
        return total / 4 + wibble * noise.double()

    while step >= 2:
        half = step // 2
        corners = field[:, ::step, ::step]
        square = corners + corners.roll(-1, 1)
        field[:, half::step, half::step] = moved(square + square.roll(-1, 2))
        middles = field[:, half::step, half::step]
        beside = middles + middles.roll(1, 1) + corners + corners.roll(-1, 2)
        field[:, ::step, half::step] = moved(beside)
        above = middles + middles.roll(1, 2) + corners + corners.roll(-1, 1)
        field[:, half::step, ::step] = moved(above)
        step, wibble = half, wibble / decay
    field = field - field.amin((1, 2), keepdim=True)
    return (field / field.amax((1, 2), keepdim=True)).float()


def snow(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Whiten the image, and let flakes, drawn out by their fall, cover some of it."""
    mean, deviation, zoom, least, radius, sigma, kept = (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    )[severity - 1]
    scale = scale_of(x)
    flakes = clipped_zoom(mean + deviation * draws.normal(1, *x.shape[2:]), zoom)
    flakes = torch.where(flakes < least, 0, flakes).clamp(0, 1)
    fall = draws.uniform(low=-135, high=-45)
    flakes = motion_blurred(flakes, math.ceil(radius * scale), sigma * scale, fall)
    flakes = (flakes * 255).round() / 255
    whiter = torch.maximum(x, grey(x) * 1.5 + 0.5)
    return kept * x + (1 - kept) * whiter + flakes + flakes.flip(2, 3)


def grey(x: Tensor) -> Tensor:
    """Return the luminance `(n, 1, h, w)` of images in colours; grey ones as they are."""
    if x.shape[1] == 1:
        return x
    weights = torch.tensor((0.299, 0.587, 0.114)).to(x)
    return (x * weights.reshape(1, 3, 1, 1)).sum(1, keepdim=True)


def frost(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Lay a random piece of a photograph of frost over the image."""
    kept, laid = ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))[severity - 1]
    height, width = x.shape[2:]
    which = draws.integers(0, len(FROST)).tolist()
    corners = draws.uniform(2).tolist()
    pieces = []
    for number, (down, right) in zip(which, corners, strict=True):
        picture = _frost(number, 0.2 * scale_of(x))
        top = int(down * (picture.shape[1] - height))
        left = int(right * (picture.shape[2] - width))
        pieces.append(picture[:, top : top + height, left : left + width])
    ice = torch.stack(pieces).to(x.device)
    return kept * x + laid * (ice if x.shape[1] == 3 else grey(ice))


@cache
def _frost(number: int, scale: float) -> Tensor:
    """Return a photograph `(3, h, w)` in [0, 1], as large as `scale` says."""
    from PIL import Image

    found = importlib.resources.files("imagecorruptions") / "frost" / FROST[number]
    with importlib.resources.as_file(found) as path, Image.open(path) as picture:
        colours = picture.convert("RGB")
        size = (round(colours.width * scale), round(colours.height * scale))
        pixels = np.asarray(colours.resize(size, Image.Resampling.BILINEAR))
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1).contiguous()
