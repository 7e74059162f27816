"""Projected gradient ascent in a ball around each row (Madry et al. 2018).

    x <- clip(project(x + step u sign(g)))            L-inf: |x - x_0| <= eps u, elementwise
    x <- clip(project(x + step u g' / ||g'||_2))      L2: ||(x - x_0) / u||_2 <= eps, g' = u g

u is the unit of the bounds. Rows do not see each other, as long as the model treats them so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from mixup_multi.bounds import Bounds
from mixup_multi.tree import per_row

Norm = Literal["linf", "l2"]
Start = Literal["none", "uniform", "normal"]
Score = Callable[[Tensor], Tensor]
"""`score(x)`: what is to be raised, `(n,)`, differentiable in x."""


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
            direction = torch.randn(shape, generator=generator)
            radius = torch.rand(len(direction), generator=generator) ** (1 / direction[0].numel())
            noise = self.eps * per_row(radius / _length(direction), direction) * direction
        return self.project(self.centre + self.bounds.unit * noise.to(self.centre))

    def step(self, x: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Return `x` one step uphill, back in the ball."""
        if self.norm == "linf":
            return self.project(torch.addcmul(x, self.bounds.unit, gradient.sign(), value=size))
        uphill = gradient * self.bounds.unit
        direction = uphill / per_row(_length(uphill).clamp_min(1e-30), uphill)
        return self.project(x + size * self.bounds.unit * direction)

    def project(self, x: Tensor) -> Tensor:
        """Return the legal neighbour that is nearest to `x`."""
        if self.norm == "linf":
            reach = self.eps * self.bounds.unit
            x = torch.minimum(torch.maximum(x, self.centre - reach), self.centre + reach)
        else:
            unit = self.bounds.unit
            away = torch.where(unit > 0, (x - self.centre) / unit.clamp_min(1e-30), 0)
            shrink = (self.eps / _length(away).clamp_min(1e-30)).clamp_max(1)
            x = self.centre + per_row(shrink, away) * unit * away
        if self.bounds.low is not None:
            x = torch.maximum(x, torch.minimum(self.bounds.low, self.centre))
        if self.bounds.high is not None:
            x = torch.minimum(x, torch.maximum(self.bounds.high, self.centre))
        return x


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
            (gradient,) = torch.autograd.grad(score(x).sum(), x)
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
