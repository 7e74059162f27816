"""Gaussian vicinal noise: x <- x + sigma u e, e ~ N(0, I), the labels kept (Chapelle et al. 2000).

u is the unit of what flows: at the input that of the data's bounds (images: one of pixels in
[0, 1]), where nothing is clipped; 1 where the data has none. At a hidden point it is the root mean
square of what flows there in this batch, each leaf of a tree its own, held constant.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix.draw import Mix, draw_seed
from mixup_multi.objectives.changed import Changed
from mixup_multi.objectives.objective import Draw, TrainingPart
from mixup_multi.points import Edited, check_points, offered_points
from mixup_multi.tree import Tree, tree_map


@dataclass(frozen=True, slots=True)
class Gaussian(Changed):
    """`inner` on noisy rows.

    Attributes:
        sigma: >= 0, the standard deviation, in units; 0 is `inner`.
        point: where: `first`, the model's preferred point, or the name of one.
        bounds: of inputs, set by `fit`.

    Raises:
        SettingError: sigma is out of its range.
    """

    sigma: float = 0.1
    point: str = "first"
    bounds: Bounds | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < float("inf"):
            raise SettingError(f"sigma is {self.sigma}: expected a number >= 0", ("sigma",))

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with the bounds of the data."""
        return replace(self, inner=self.inner.fit(train), bounds=train.bounds() or self.bounds)

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer the points."""
        check_points(offered_points(model), [self._place(model)])
        self.inner.check(model)

    def draw_change(self, n: int, generator: Generator) -> Draw:
        """Draw a seed: what flows has a shape that is known later."""
        return Draw(Mix.identity(n), seed=draw_seed(generator))

    def change(self, model: nn.Module, batch: Batch, draw: Draw) -> tuple[nn.Module, Batch]:
        """Return noisy inputs, or the model that adds the noise, the same in all of its passes."""
        if self.sigma == 0:
            return model, batch
        place = self._place(model)
        noisy = _Noise(self, draw.seed, place == "input")
        if place == "input":
            return model, replace(batch, inputs=noisy(batch.inputs), rows=None)
        return Edited(model, place, noisy), batch

    def _place(self, model: nn.Module) -> str:
        return next(iter(offered_points(model)), "") if self.point == "first" else self.point


class _Noise:
    """The edit that adds noise to what flows."""

    def __init__(self, method: Gaussian, seed: int, at_input: bool) -> None:
        self.method = method
        self.seed = seed
        self.at_input = at_input

    def __call__(self, flow: Tree) -> Tree:
        """Return the noisy flow."""
        generator = torch.Generator().manual_seed(self.seed)
        try:
            return tree_map(partial(self._noisy, generator), flow)
        except TypeError as error:
            raise PointError(
                f"noise was asked for where no tensors flow ({error}); choose another point of"
                " the model, e.g. a graph model's readout"
            ) from error

    def _noisy(self, generator: Generator, leaf: Tensor) -> Tensor:
        return leaf + self.method.sigma * self._unit(leaf) * _normal(leaf, generator)

    def _unit(self, leaf: Tensor) -> Tensor:
        if not self.at_input:
            return Bounds.hidden(leaf).unit
        bounds = self.method.bounds
        return torch.ones(()).to(leaf) if bounds is None else bounds.unit.to(leaf)


def _normal(leaf: Tensor, generator: Generator) -> Tensor:
    """Return standard normal numbers of the shape of `leaf`, drawn on the CPU."""
    if not leaf.is_floating_point():
        raise PointError(
            f"noise was asked for where values of type {leaf.dtype} flow: expected floating"
            " point. Choose a point after the embedding of codes."
        )
    return torch.randn(leaf.shape, generator=generator).to(leaf, non_blocking=True)
