"""The contract of an objective: `draw` makes everything random, `loss` is pure.

A draw can be replayed, logged, given to two methods to compare them on the same randomness, and
stacked over trials. Objectives are frozen settings; nothing changes on them from step to step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.mix.draw import Mix
from mixup_multi.tree import Tree


@dataclass(frozen=True, slots=True)
class Draw:
    """Everything random in one step, on the CPU.

    Attributes:
        mix: partners and shares.
        where: uniform in [0, 1): which of the offered points is mixed at.
        blend: what the blend drew for itself.
    """

    mix: Mix
    where: float = 0.0
    blend: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a step computed.

    Attributes:
        total: the scalar to minimise.
        means: detached scalars to average over an epoch, e.g. the regulariser on its own. One
            called `error`, in [0, 1], becomes the training error; it may be left out.
        counts: detached scalars to add up over an epoch, e.g. clamped steps.
    """

    total: Tensor
    means: Mapping[str, Tensor] = field(default_factory=dict)
    counts: Mapping[str, Tensor] = field(default_factory=dict)


class TrainingPart(Protocol):
    """What an objective may ask of the data that it trains on."""

    def mean(self) -> Tree | None:
        """Return the mean input, un-augmented; None where it has no meaning (graphs)."""


class Objective(ABC):
    """A training method. Calling it draws and evaluates: `objective(model, batch, generator)`."""

    @abstractmethod
    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Return the randomness of a step over rows with `targets` `(n, c)`."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the step's terms; neither the batch nor the draw is changed."""

    def fit(self, train: TrainingPart) -> Self:  # noqa: ARG002  (what most methods need of it: nothing)
        """Return the objective with what it needs to know of the training part."""
        return self

    def check(self, model: nn.Module) -> None:  # noqa: B027  (nothing to check is a good default)
        """Raise `PointError` where the model does not offer what the method asks for."""

    def __call__(self, model: nn.Module, batch: Batch, generator: Generator) -> Terms:
        """Draw and evaluate."""
        return self.loss(model, batch, self.draw(batch.targets, generator))
