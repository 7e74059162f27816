"""Two methods of which each batch is given one: L = second(batch) with `prob`, else first(batch).

timm's `switch_prob` between mixup and CutMix, for any two objectives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import SettingError
from mixup_multi.objectives.objective import Draw, Objective, Terms, TrainingPart


@dataclass(frozen=True, slots=True)
class Switch(Objective):
    """One of two objectives for each batch.

    Attributes:
        first: taken with probability 1 - prob.
        second: taken with probability prob.
        prob: in [0, 1].

    Raises:
        SettingError: prob is no probability.
    """

    first: Objective
    second: Objective
    prob: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.prob <= 1:
            raise SettingError(f"prob is {self.prob}: expected a probability, 0 to 1", ("prob",))

    @property
    def parts(self) -> tuple[Objective, ...]:
        """Both."""
        return self.first, self.second

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw for both, so that what follows in the stream does not depend on the choice."""
        where = torch.rand(1, generator=generator, dtype=torch.float64).item()
        drawn = tuple(one.draw(targets, generator) for one in (self.first, self.second))
        return Draw(drawn[where < self.prob].mix, where, inner=drawn)

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the chosen one's total and error, and counts of the batches that `second` got.

        The two may say different things beside these, of which an epoch has no mean.
        """
        chosen = draw.where < self.prob
        objective = self.second if chosen else self.first
        inner = replace(draw.inner[chosen], memory=draw.memory)
        terms = objective.loss(model, batch, inner)
        means = {name: value for name, value in terms.means.items() if name == "error"}
        taken = torch.full_like(terms.total.detach(), float(chosen))
        return Terms(terms.total, means, {"second_taken": taken}, terms.memory)

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with both fitted."""
        return replace(self, first=self.first.fit(train), second=self.second.fit(train))

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer what either asks for."""
        self.first.check(model)
        self.second.check(model)
