"""Draw mixtures of points on an arc: of the points, of their reconstructions, and of their codes.

python docs/pictures/explain_varmixup.py
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from _style import BLUE, GREY, RED, Picture, main, plane
from matplotlib.figure import Figure
from torch import Tensor

from mixup_multi.latent import Latent, Reconstructions
from mixup_multi.mix import Linear, Mix
from mixup_multi.streams import stream


class Arc:
    """A codec whose code is the angle: what lies on the arc is kept, what is beside it is not."""

    def encode(self, inputs: Tensor) -> Tensor:
        """Return angles, `(n, 1)`."""
        return torch.atan2(inputs[:, 1], inputs[:, 0])[:, None]

    def decode(self, z: Tensor) -> Tensor:
        """Return points on the arc, `(n, 2)`."""
        return torch.cat([z.cos(), z.sin()], 1)


def arcs(figure: Figure) -> None:
    """Draw the way from one point to another, a panel a blend."""
    blends = {
        "mixup: λxᵢ + (1 − λ)xⱼ": Linear(),
        "Mixup-R: λrᵢ + (1 − λ)rⱼ": replace(Reconstructions(Arc()), fitted=Arc()),
        "VarMixup: decode(λμᵢ + (1 − λ)μⱼ)": replace(Latent(Arc()), fitted=Arc()),
    }
    points = _points()
    first = int(points[:, 0].argmax())
    second = int(points[:, 0].argmin())
    pair = points[[first, second]]
    for ax, (title, blend) in zip(figure.subplots(1, 3), blends.items(), strict=True):
        ax.scatter(*points.T, s=10, color=GREY, alpha=0.6, linewidths=0, label="training points")
        ways = [blend(pair, _mix(own), None)[0][0] for own in torch.linspace(0, 1, 13).tolist()]
        ax.scatter(*torch.stack(ways).T, s=16, color=BLUE, label="mixtures, λ from 0 to 1")
        ax.scatter(*pair.T, s=46, facecolors="none", edgecolors=RED, label="the two rows")
        plane(ax, title)
        ax.set(xlim=(-1.25, 1.25), ylim=(-0.15, 1.25))
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)


def _points() -> Tensor:
    """Return points near the upper half of the unit circle, `(70, 2)`."""
    generator = stream(4, "arc")
    angle = math.pi * (0.04 + 0.92 * torch.rand(70, generator=generator))
    radius = 1 + 0.06 * torch.randn(70, generator=generator)
    return radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)


def _mix(own: float) -> Mix:
    return Mix(torch.tensor([1, 0]), torch.tensor([own], dtype=torch.float64))


PICTURES = {"explain_varmixup": Picture(7.6, 2.2, arcs)}

if __name__ == "__main__":
    main(PICTURES)
