"""Adversarial training: the loss of attacked inputs, alone or beside that of the clean ones.

    L = l_inner(f, x')                                        AT (Madry et al. 2018)
    L = weight l_inner(f, x') + (1 - weight) l_clean(f, x)    IAT (Lamb et al. 2019)

x' is what an attack makes of the batch as it is, with its own labels; what `inner` and `clean` do
with a batch (nothing, mixup, Manifold Mixup, MixupE) comes after it, with draws of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi.attacks import Attack
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import Mix
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.losses import Loss, Softmax
from mixup_multi.objectives.objective import Draw, Objective, Terms, TrainingPart


def draw_seed(attack: Attack, generator: Generator) -> int:
    """Return a seed; 0, and nothing is drawn, for an attack without randomness.

    So an attack of size 0 leaves all later draws as they are without it.
    """
    return int(torch.randint(2**62, (), generator=generator)) if attack.draws else 0


@dataclass(frozen=True, slots=True)
class Adversarial(Objective):
    """An objective on attacked inputs, and possibly another on clean ones.

    Attributes:
        attack: makes the inputs; at a hidden point, the perturbation.
        inner: the objective on what is attacked.
        clean: the objective on the batch as it is; None for no such part.
        weight: in [0, 1], of `inner`, where there is a clean part.
        loss_fn: what the attack raises.
        bounds: what a legal perturbation is, set by `fit`.

    Raises:
        SettingError: the weight is out of its range, or the clean part remembers steps.
    """

    attack: Attack
    inner: Objective = ERM()  # noqa: RUF009  (frozen)
    clean: Objective | None = None
    weight: float = 0.5
    loss_fn: Loss = Softmax()  # noqa: RUF009  (stateless)
    bounds: Bounds | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise SettingError(f"weight is {self.weight}: expected a share in [0, 1]", ("weight",))
        if self.clean is not None and self.clean.remembers:
            raise SettingError(
                "clean is a method that leaves something to its next step: expected it as inner, or"
                " around the adversarial method",
                ("clean",),
            )

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The objectives within: that on attacked inputs, then that on clean ones."""
        return (self.inner,) if self.clean is None else (self.inner, self.clean)

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw for each part, independently, then the attack's seed."""
        inner = tuple(part.draw(targets, generator) for part in self.parts)
        seed = draw_seed(self.attack, generator)
        return Draw(Mix.identity(len(targets)), seed=seed, inner=inner)

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with the bounds, and its parts fitted."""
        clean = None if self.clean is None else self.clean.fit(train)
        bounds = train.bounds() or self.bounds
        return replace(self, inner=self.inner.fit(train), clean=clean, bounds=bounds)

    def check(self, model: nn.Module) -> None:
        """Raise where the attack or a part does not suit the model or the data."""
        self.attack.check(model, self.bounds)
        for part in self.parts:
            part.check(model)

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the weighted loss, with each part's terms under a name of their own."""
        under = self.attack.perturb(model, batch, self.bounds, draw.seed, self.loss_fn)
        attacked = self.inner.loss(*under, replace(draw.inner[0], memory=draw.memory))
        means, counts = _named("adversarial", attacked)
        if self.clean is None:
            means["error"] = attacked.means["error"]
            return Terms(attacked.total, means, counts, attacked.memory)
        clean = self.clean.loss(model, batch, draw.inner[1])
        clean_means, clean_counts = _named("clean", clean)
        means |= clean_means
        means["error"] = self._weighed(attacked.means["error"], clean.means["error"])
        total = self._weighed(attacked.total, clean.total)
        return Terms(total, means, counts | clean_counts, attacked.memory)

    def _weighed(self, attacked: Tensor, clean: Tensor) -> Tensor:
        return self.weight * attacked + (1 - self.weight) * clean


def _named(part: str, terms: Terms) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return a part's means, with its total, and its counts, under names that say whose."""
    means = {"loss": terms.total.detach(), **terms.means}
    return (
        {f"{part}_{name}": value for name, value in means.items()},
        {f"{part}_{name}": value for name, value in terms.counts.items()},
    )
