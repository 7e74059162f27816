"""The contract of an objective: `draw` makes everything random, `loss` is pure.

A draw can be replayed, logged, given to two methods to compare them on the same randomness, and
stacked over trials. Objectives are frozen settings; nothing changes on them from step to step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.mix.draw import Mix
from mixup_multi.objectives.losses import TargetKind
from mixup_multi.tree import Tree

Memory = dict[str, Tensor]
"""What a step leaves to the next, by name; it is part of checkpoints."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Everything random in one step, on the CPU.

    Attributes:
        mix: partners and shares.
        where: uniform in [0, 1): which of the offered points is mixed at.
        blend: what the blend drew for itself.
        seed: of what takes a shape that is known later, e.g. an attack's random start.
        inner: the draws of the objectives within this one.
        memory: what the step before left; empty in the first.
    """

    mix: Mix
    where: float = 0.0
    blend: Tensor | None = None
    seed: int = 0
    inner: tuple[Draw, ...] = ()
    memory: Memory = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a step computed.

    Attributes:
        total: the scalar to minimise.
        means: detached scalars to average over an epoch, e.g. the regulariser on its own. One
            called `error` becomes the training error, 1 being 100 %; it may be left out.
        counts: detached scalars to add up over an epoch, e.g. clamped steps.
        memory: what the next step's draw is given. It may be filled while gradients are taken.
    """

    total: Tensor
    means: Mapping[str, Tensor] = field(default_factory=dict)
    counts: Mapping[str, Tensor] = field(default_factory=dict)
    memory: Memory = field(default_factory=dict)


class TrainingPart(Protocol):
    """What an objective may ask of the data that it trains on."""

    @property
    def key(self) -> str:
        """A hash of the data set's content and of which examples are the training part."""

    @property
    def source(self) -> Rows:
        """The examples."""

    @property
    def device(self) -> torch.device:
        """Where models are trained."""

    def mean(self) -> Tree | None:
        """Return the mean input, un-augmented; None where it has no meaning (graphs)."""

    def bounds(self) -> Bounds | None:
        """Return what a legal perturbation of an input is; None where nobody has said."""

    def fitted(self, codec: Any) -> Any:
        """Return a codec that is fitted to these data, now or in an earlier run."""


class Rows(Protocol):
    """Examples that can be looked at."""

    def __len__(self) -> int: ...

    def gather(self, index: Tensor) -> Batch:
        """Return the examples at `index` `(n,)`, un-augmented."""


class Objective(ABC):
    """A training method. Calling it draws and evaluates: `objective(model, batch, generator)`."""

    entry_points: ClassVar[str] = "mixup_multi.objectives"

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The objectives within this one."""
        return ()

    @property
    def eager(self) -> str:
        """Why the method cannot be compiled, for a message; empty where it can."""
        return next((part.eager for part in self.parts if part.eager), "")

    @property
    def remembers(self) -> bool:
        """Whether a step leaves the next something, which other processes would not have."""
        return any(part.remembers for part in self.parts)

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

    def __call__(
        self, model: nn.Module, batch: Batch, generator: Generator, memory: Memory | None = None
    ) -> Terms:
        """Draw and evaluate; `memory` is what the step before left."""
        draw = self.draw(batch.targets, generator)
        return self.loss(model, batch, replace(draw, memory=memory) if memory else draw)


def target_kind(objective: Objective) -> TargetKind | None:
    """Return what a row of an objective's targets is; None where it does not name its loss."""
    loss = getattr(objective, "loss_fn", None)
    if loss is not None:
        kind: TargetKind = loss.target_kind
        return kind
    within = (*objective.parts, getattr(objective, "inner", None))
    kinds = (target_kind(part) for part in within if isinstance(part, Objective))
    return next((kind for kind in kinds if kind is not None), None)
