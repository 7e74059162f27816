"""Projected gradient ascent in a ball around each row (Madry et al. 2018).

    x <- clip(project(x + step u sign(g)))            L-inf: |x - x_0| <= eps u, elementwise
    x <- clip(project(x + step u g' / ||g'||_2))      L2: ||(x - x_0) / u||_2 <= eps, g' = u g

u is the unit of the bounds. Rows do not see each other, as long as the model treats them so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Generator, Tensor

from mixup_multi.bounds import Bounds
from mixup_multi.tree import per_row

Norm = Literal["linf", "l2"]
Start = Literal["none", "uniform", "normal"]
Score = Callable[[Tensor], Tensor]
"""`score(x)`: what is to be raised, `(n,)`, differentiable in x."""

TINY = 1e-30
"""Under divisors that may be 0: what is divided is then 0 too."""


@dataclass(frozen=True)
class Ball:
    """The legal neighbours of `centre` `(n, ...)`: at most `eps` away, and within the bounds.

    A centre that lies out of bounds itself may stay there, but move no further.
    """

    centre: Tensor
    bounds: Bounds
    eps: float
    norm: Norm

    def start(self, start: Start, generator: Generator) -> Tensor:
        """Return where to start from.

        `uniform`: anywhere in the ball; `normal`: a thousandth of a unit away, as TRADES does.
        The numbers are drawn on the CPU, so they are the same on every device.
        """
        if start == "none" or self.eps == 0:
            return self.centre.clone()
        shape = self.centre.shape
        if start == "normal":
            noise = 1e-3 * torch.randn(shape, generator=generator)
        elif self.norm == "linf":
            noise = self.eps * (2 * torch.rand(shape, generator=generator) - 1)
        else:
            noise = self.eps * self._in_unit_ball(generator)
        return self.project(torch.addcmul(self.centre, self.bounds.unit, noise.to(self.centre)))

    def step(self, x: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Return `x` one step uphill, back in the ball."""
        if self.norm == "linf":
            uphill = gradient.sign()
        else:
            uphill = _normalised(gradient * self.bounds.unit)
        return self.project(torch.addcmul(x, self.bounds.unit, uphill, value=size))

    def project(self, x: Tensor) -> Tensor:
        """Return `x` drawn back to the ball, then to the range, which does not leave the ball."""
        if self.norm == "l2":
            unit = self.bounds.unit
            away = torch.where(unit > 0, (x - self.centre) / unit.clamp_min(TINY), 0)
            shrink = (self.eps / _length(away).clamp_min(TINY)).clamp_max(1)
            x = self.centre + per_row(shrink, away) * unit * away
        least, most = self._box
        return x if least is None and most is None else torch.clamp(x, least, most)

    @cached_property
    def _box(self) -> tuple[Tensor | None, Tensor | None]:
        """The least and the largest legal values; of L-inf, the ball is one of their reasons."""
        centre, low, high = self.centre, self.bounds.low, self.bounds.high
        least = None if low is None else torch.minimum(low, centre)
        most = None if high is None else torch.maximum(high, centre)
        if self.norm == "l2":
            return least, most
        reach = self.eps * self.bounds.unit
        near, far = centre - reach, centre + reach
        least = near if least is None else torch.maximum(near, least)
        most = far if most is None else torch.minimum(far, most)
        return least, most

    def _in_unit_ball(self, generator: Generator) -> Tensor:
        """Draw uniformly in the L2 ball of the entries that may be changed."""
        free = (self.bounds.unit > 0).cpu().expand(self.centre.shape)
        direction = torch.randn(self.centre.shape, generator=generator) * free
        dimension = free[0].sum().clamp_min(1)
        radius = torch.rand(len(direction), generator=generator) ** (1 / dimension)
        return per_row(radius / _length(direction).clamp_min(TINY), direction) * direction


def climb(
    ball: Ball, score: Score, *, step: float, steps: int, start: Start, generator: Generator
) -> Tensor:
    """Return legal neighbours `(n, ...)`, detached, after `steps` steps uphill in `score`.

    No gradient of a parameter is computed.
    """
    x = ball.start(start, generator).detach()
    for _ in range(steps):
        x.requires_grad_()
        with torch.enable_grad():
            # Named, the value lives on into the next pass. Otherwise nothing is left of a pass, and
            # the C library gives all its memory back to the system and asks for it again: on a
            # CPU that took a fifth of the time.
            value = score(x).sum()
            (gradient,) = torch.autograd.grad(value, x)
        x = ball.step(x.detach(), gradient, step)
    return x


def best_of(score: Score, climbs: int, climb_once: Callable[[], Tensor]) -> Tensor:
    """Return for each row the best of several climbs, by the score that it ends with."""
    best = climb_once()
    if climbs == 1:
        return best
    with torch.no_grad():
        value = score(best)
        for _ in range(climbs - 1):
            other = climb_once()
            reached = score(other)
            better = reached > value
            best = torch.where(per_row(better, best).bool(), other, best)
            value = torch.where(better, reached, value)
    return best


def _length(x: Tensor) -> Tensor:
    """Return each row's L2 norm, `(n,)`."""
    length: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return length


def _normalised(x: Tensor) -> Tensor:
    """Return `x` with rows of length 1, or 0 where they are 0.

    Scaled to a largest value of 1 first: squares of the small gradients of confident models
    would be 0.
    """
    largest = x.flatten(1).abs().amax(1).clamp_min(TINY)
    scaled = x / per_row(largest, x)
    return scaled / per_row(_length(scaled).clamp_min(TINY), x)
