"""Named random streams from one seed.

Each use of randomness has its own generator, so that two methods run with one seed see the same
initial weights, the same batches and the same crops, whatever one of them draws for itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch

__all__ = ["NAMES", "seed_of", "stream", "streams"]

NAMES = ("init", "order", "augment", "mix", "dropout")
"""Weights; order of the examples; random crops and the like; a method's draws; dropout."""


def seed_of(seed: int, name: str) -> int:
    """Return the seed of the stream `name`: 63 bits, unrelated between names and seeds."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, name: str) -> torch.Generator:
    """Return a CPU generator for one named use of `seed`.

    Draws are made on the CPU on every device, so a run's draws do not depend on its device.
    """
    generator = torch.Generator()
    generator.manual_seed(seed_of(seed, name))
    return generator


def streams(seed: int) -> Mapping[str, torch.Generator]:
    """Return one generator for each of `NAMES`."""
    return {name: stream(seed, name) for name in NAMES}
