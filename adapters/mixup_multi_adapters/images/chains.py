"""AugMix's chains of operations: what is drawn, and a whole batch of them run together.

Rows whose next operation is the same take it as one batch, so that V K n chains cost at most as
many calls as there are operations times steps, 27 for chains of up to three.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from mixup_multi_adapters.images.operations import OPERATIONS

VERSIONS = 2
"""Augmented versions of each image, beside the clean one."""
DEEPEST = 3
"""The most operations of a chain of random depth."""


class Chains(NamedTuple):
    """What is drawn for n images in V versions of K chains of up to D operations.

    Attributes:
        weights: w, `(V, K, n)`, sums over the chains are 1.
        m: `(V, n)`.
        depth: `(V K n,)`, how many operations a chain has.
        operation: `(D, V K n)`, which.
        strength: `(D, V K n)`, how strong; its sign is a direction.
    """

    weights: Tensor
    m: Tensor
    depth: Tensor
    operation: Tensor
    strength: Tensor


def draw_chains(
    n: int, width: int, depth: int | None, severity: float, generator: Generator
) -> Chains:
    """Draw everything random on the CPU."""
    # Exponential variates, divided by their sum, are Dirichlet(1, ..., 1).
    parts = -torch.rand(VERSIONS, width, n, generator=generator).neg_().log1p_()
    rows, deepest = VERSIONS * width * n, depth or DEEPEST
    random = torch.randint(1, DEEPEST + 1, (rows,), generator=generator)
    strength = torch.rand(deepest, rows, generator=generator)
    weakest = min(0.1, severity)
    sign = torch.randint(0, 2, (deepest, rows), generator=generator) * 2 - 1
    return Chains(
        weights=parts / parts.sum(1, keepdim=True).clamp_min(1e-30),
        m=torch.rand(VERSIONS, n, generator=generator),
        depth=random if depth is None else torch.full((rows,), depth),
        operation=torch.randint(0, len(OPERATIONS), (deepest, rows), generator=generator),
        strength=(weakest + (severity - weakest) * strength) * sign,
    )


def run_chains(levels: Tensor, chains: Chains) -> Tensor:
    """Return `levels` `(V K n, c, h, w)` after each row's chain; it is overwritten."""
    for step, (drawn, strength) in enumerate(zip(chains.operation, chains.strength, strict=True)):
        for place, operation in enumerate(OPERATIONS.values()):
            rows = ((drawn == place) & (chains.depth > step)).nonzero().squeeze(1)
            if len(rows):
                here = rows.to(levels.device)
                changed = operation(levels[here], strength[rows].to(levels.device))
                levels[here] = changed.to(levels.dtype)
    return levels
