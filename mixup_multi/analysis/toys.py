"""Toy data in the plane, from a seed.

two_moons    two half circles that reach into each other
spirals      two spirals around one another
soudry       separable by a line through 0, with known support vectors (Soudry et al. 2018)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Generator, Tensor

from mixup_multi.engine.cache import content_key
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.errors import SettingError
from mixup_multi.streams import stream

Points = tuple[Tensor, Tensor]
"""Points `(n, 2)` in float64 and their classes `(n,)`, 0 or 1, the two in turn."""


def two_moons(generator: Generator, *, n: int = 100, noise: float = 0.1) -> Points:
    """Two half circles of radius 1; `noise` is a standard deviation."""
    label = _labels(n)
    angle = math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
    side = 1.0 - 2.0 * label
    places = torch.stack([label + side * angle.cos(), 0.5 * label + side * angle.sin()], 1)
    return _noisy(places - places.new_tensor([0.5, 0.25]), noise, generator), label


def spirals(
    generator: Generator, *, n: int = 100, noise: float = 0.05, turns: float = 1.0
) -> Points:
    """Two spirals out to radius 1.5, each the other's mirror image."""
    label = _labels(n)
    root = torch.rand(n, generator=generator, dtype=torch.float64).sqrt()
    angle = 2 * math.pi * turns * root + math.pi * label
    places = 1.5 * root[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    return _noisy(places, noise, generator), label


def soudry(generator: Generator, *, n: int = 24, spread: float = 1.0) -> Points:
    """Support vectors (0.5, 1.5) and (1.5, 0.5) of class 1, further points behind them, mirrored.

    The direction of the largest margin is (1, 1) / sqrt 2, and the margin is sqrt 2. A further
    point is (2, 2) and normal noise of standard deviation `spread`, drawn again where its margin
    is not larger.
    """
    if n < 4 or n % 2:
        raise SettingError(f"n is {n}: expected an even number of at least 4", ("n",))
    upper = [torch.tensor([0.5, 1.5]).double(), torch.tensor([1.5, 0.5]).double()]
    while len(upper) < n // 2:
        point = 2 + spread * torch.randn(2, generator=generator, dtype=torch.float64)
        if point.sum() > 2:
            upper.append(point)
    places = torch.stack(upper).repeat_interleave(2, 0)
    label = 1 - _labels(n)
    return places * (2 * label - 1)[:, None], label


TOYS: Mapping[str, Callable[..., Points]] = MappingProxyType(
    {"two_moons": two_moons, "spirals": spirals, "soudry": soudry}
)


def toy_data(name: str, settings: Mapping[str, Any], seed: int) -> Data:
    """Return a toy as a data set: a training part, and a test part of as many other points."""
    parts = {
        part: TOYS[name](stream(seed, f"{name} {part}"), **settings) for part in ("train", "test")
    }
    sources = {
        part: TensorSource(
            *(points.float(), label.long(), 2), ids=[f"{part}-{i}" for i in range(len(label))]
        )
        for part, (points, label) in parts.items()
    }
    key = content_key(*(tensor for part in parts.values() for tensor in part))
    return Data(name, sources["train"], sources["test"], None, ("0", "1"), key)


def _labels(n: int) -> Tensor:
    return (torch.arange(n) % 2).double()


def _noisy(places: Tensor, noise: float, generator: Generator) -> Tensor:
    return places + noise * torch.randn(places.shape, generator=generator, dtype=torch.float64)
