"""TRADES: accuracy on clean inputs, and nearby predictions that agree (Zhang et al. 2019).

    L  = mean_i l(f(x_i), y_i) + beta mean_i KL(p(x_i) || p(x'_i))
    x' = argmax KL(p(x) || p(x')) in the ball, from x + 0.001 N(0, 1)

p(x) is held constant while x' is sought, and differentiated in L. The released code computes f(x)
twice in a step, for the same value; we do it once, so BatchNorm's statistics see it once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi.attacks import Attack, looked_at
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import Mix
from mixup_multi.objectives.adversarial import draw_seed
from mixup_multi.objectives.erm import score
from mixup_multi.objectives.losses import Loss, Softmax
from mixup_multi.objectives.objective import Draw, Objective, Terms, TrainingPart
from mixup_multi.points import bare


@dataclass(frozen=True, slots=True)
class Trades(Objective):
    """The clean loss, and beta times the divergence under attack.

    Attributes:
        attack: seeks x'; its labels have no effect, for it raises the divergence.
        beta: >= 0; 0 is plain training, bit for bit.
        loss_fn: the loss; of independent labels, KL is the sum over labels.
        bounds: what a legal perturbation is, set by `fit`.

    Raises:
        SettingError: beta is negative, or the attack uses labels or starts at the row itself.
    """

    attack: Attack
    beta: float = 6.0
    loss_fn: Loss = Softmax()  # noqa: RUF009  (stateless)
    bounds: Bounds | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.beta < float("inf"):
            raise SettingError(f"beta is {self.beta}: expected a number >= 0", ("beta",))
        if self.attack.targeted or self.attack.labels != "true":
            raise SettingError(
                "attack: TRADES raises the divergence from the clean prediction, so targeted and"
                " labels have no effect: expected them at their defaults",
                ("attack",),
            )
        if self.attack.start == "none" and self.attack.eps > 0:
            raise SettingError(
                "attack: with start: none there is no way up, for the divergence is 0 and flat at"
                " the row itself: expected start: normal, as in the paper, or uniform",
                ("attack",),
            )

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw the attack's seed."""
        seed = draw_seed(self.attack, generator) if self.beta else 0
        return Draw(Mix.identity(len(targets)), seed=seed)

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with the bounds."""
        return replace(self, bounds=train.bounds() or self.bounds)

    def check(self, model: nn.Module) -> None:
        """Raise where the attack does not suit the model or the data."""
        self.attack.check(model, self.bounds)

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the clean loss plus beta times the divergence, with both beside it."""
        if self.beta == 0:
            return score(self.loss_fn, model(batch.inputs), batch.targets)
        under, attacked = self._attacked(model, batch, draw.seed)
        logits = model(batch.inputs)
        clean = score(self.loss_fn, logits, batch.targets)
        divergence = self.loss_fn.divergence(logits, under(attacked.inputs)).mean()
        means = {"clean_loss": clean.total.detach(), "divergence": divergence.detach()}
        return Terms(clean.total + self.beta * divergence, {**clean.means, **means})

    def _attacked(self, model: nn.Module, batch: Batch, seed: int) -> tuple[nn.Module, Batch]:
        with looked_at(bare(model), self.attack.mode), torch.no_grad():
            clean = bare(model)(batch.inputs)

        def divergence(logits: Tensor) -> Tensor:
            return self.loss_fn.divergence(clean, logits)

        generator = torch.Generator().manual_seed(seed)
        return self.attack.climb(model, batch, self.bounds, generator, divergence)
