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
        return replace(self, inner=self.inner.fit(train), bounds=train.bounds())

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer the points."""
        check_points(offered_points(model), [self._place(model)])
        self.inner.check(model)

    def draw_change(self, n: int, generator: Generator) -> Draw:
        """Draw a seed: what flows has a shape that is known later."""
        return Draw(Mix.identity(n), seed=draw_seed(generator))

    def change(self, model: nn.Module, batch: Batch, draw: Draw) -> tuple[nn.Module, Batch]:
        """Return the model that adds the noise, the same in each of its passes."""
        if self.sigma == 0:
            return model, batch
        place = self._place(model)
        return Edited(model, place, partial(self._noisy, draw.seed, place == "input")), batch

    def _place(self, model: nn.Module) -> str:
        return next(iter(offered_points(model)), "") if self.point == "first" else self.point

    def _noisy(self, seed: int, at_input: bool, flow: Tree) -> Tree:
        generator = torch.Generator().manual_seed(seed)

        def noisy(leaf: Tensor) -> Tensor:
            return leaf + self.sigma * self._unit(leaf, at_input) * _normal(leaf, generator)

        try:
            return tree_map(noisy, flow)
        except TypeError as error:
            raise PointError(
                f"noise was asked for where no tensors flow ({error}); choose another point of"
                " the model, e.g. a graph model's readout"
            ) from error

    def _unit(self, leaf: Tensor, at_input: bool) -> Tensor:
        if not at_input:
            return Bounds.hidden(leaf).unit
        return torch.ones(()).to(leaf) if self.bounds is None else self.bounds.unit.to(leaf)


def _normal(leaf: Tensor, generator: Generator) -> Tensor:
    """Return standard normal numbers of the shape of `leaf`, drawn on the CPU."""
    if not leaf.is_floating_point():
        raise PointError(
            f"noise was asked for where values of type {leaf.dtype} flow: expected floating"
            " point. Choose a point after the embedding of codes."
        )
    return torch.randn(leaf.shape, generator=generator).to(leaf, non_blocking=True)
