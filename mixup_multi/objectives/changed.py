"""An objective on changed rows: L = inner(model', batch'), (model', batch') = change(model, batch).

Baselines that change rows one by one (noise, a hole, softer labels) are such changes, and within
them may be plain training or any other method: smoothed mixup, CutMix on noisy images.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Self

from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.mix.draw import Mix
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.objective import Draw, Objective, Terms, TrainingPart


@dataclass(frozen=True, slots=True)
class Changed(Objective):
    """`inner` on changed rows.

    Attributes:
        inner: what is minimised there.
    """

    inner: Objective = field(default_factory=ERM)

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The inner one."""
        return (self.inner,)

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw what the inner objective draws, and then what the change needs."""
        inner = self.inner.draw(targets, generator)
        return replace(self.draw_change(len(targets), generator), inner=(inner,))

    def draw_change(self, n: int, generator: Generator) -> Draw:  # noqa: ARG002  (for most: nothing)
        """Return what the change of `n` rows needs."""
        return Draw(Mix.identity(n))

    @abstractmethod
    def change(self, model: nn.Module, batch: Batch, draw: Draw) -> tuple[nn.Module, Batch]:
        """Return the changed rows: a batch, or a model that changes what flows; none is touched."""

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the inner objective's terms on the changed rows."""
        (inner,) = draw.inner
        changed = self.change(model, batch, draw)
        return self.inner.loss(*changed, replace(inner, memory=draw.memory))

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with its inner one fitted."""
        return replace(self, inner=self.inner.fit(train))

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer what the inner objective asks for."""
        self.inner.check(model)
