"""AugMix: chains of simple operations are mixed, and predictions on them kept alike.

    x'  = (1 - m) x + m sum_k w_k chain_k(x),  w ~ Dirichlet(1, ..., 1), m ~ Beta(1, 1)
    L   = l(f(x), y) + 12 JSD(p(x), p(x'), p(x''))
    JSD = mean_k KL(p_k || M), M = mean_k p_k, clamped to [1e-7, 1]

Hendrycks et al. 2020, equations 1 and 2, with the released code's settings. A chain is one to three
operations, each drawn from nine. The three versions go through the model as one batch of 3n rows,
as there, so BatchNorm sees all of them. Operations need 8-bit levels, so inputs are brought to
them by the data's bounds and back; x itself stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import SettingError
from mixup_multi.mix.cut import check_images
from mixup_multi.mix.draw import Mix, draw_seed
from mixup_multi.objectives.erm import score
from mixup_multi.objectives.losses import Loss, Softmax, loss_named
from mixup_multi.objectives.objective import Draw, Objective, Terms, TrainingPart
from mixup_multi.objectives.presets.settings import LossName
from mixup_multi_adapters.images.chains import VERSIONS, draw_chains, run_chains
from mixup_multi_adapters.images.operations import TOP


@dataclass(frozen=True, slots=True)
class AugMix(Objective):
    """The clean loss, and the Jensen-Shannon divergence of three predictions.

    Attributes:
        width: chains in a mixture, >= 1.
        depth: operations in a chain, >= 1; None for 1, 2 or 3 at random.
        severity: of operations, 0 to 10; each draws its strength from U(0.1, severity).
        weight: of the divergence, >= 0.
        loss_fn: of the clean rows.
        bounds: of inputs, set by `fit`; until then the batch's own range takes their place.

    Raises:
        SettingError: a value is out of its range, or the targets are numbers.
    """

    width: int = 3
    depth: int | None = None
    severity: float = 3.0
    weight: float = 12.0
    loss_fn: Loss = Softmax()  # noqa: RUF009  (stateless)
    bounds: Bounds | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.width < 1 or (self.depth is not None and self.depth < 1):
            raise SettingError(
                f"width is {self.width} and depth {self.depth}: expected whole numbers from 1"
                " (depth: null for 1, 2 or 3 at random)"
            )
        if not 0 <= self.severity <= 10:
            raise SettingError(f"severity is {self.severity}: expected 0 to 10", ("severity",))
        if not 0 <= self.weight < float("inf"):
            raise SettingError(f"weight is {self.weight}: expected a number >= 0", ("weight",))
        if self.loss_fn.target_kind == "numbers":
            raise SettingError(
                "augmix with targets that are numbers: expected classes or labels, whose"
                " probabilities have a divergence"
            )

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with the bounds of the data.

        Raises:
            SettingError: the data states no range of its inputs.
        """
        bounds = train.bounds()
        if bounds is None or bounds.low is None or bounds.high is None:
            raise SettingError(
                "augmix needs to know which inputs are black and white: expected a data set that"
                " states their range, as those of the adapter 'images' do"
            )
        return replace(self, bounds=bounds)

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw the seed of `Chains`."""
        return Draw(Mix.identity(len(targets)), seed=draw_seed(generator))

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the clean loss and the weighted divergence, with both beside the total."""
        versions = self.augmented(batch.inputs, draw.seed)
        clean, *others = model(torch.cat([batch.inputs, *versions])).chunk(1 + VERSIONS)
        terms = score(self.loss_fn, clean, batch.targets)
        jsd = divergence([self._distribution(logits) for logits in (clean, *others)]).mean()
        means = {**terms.means, "clean_loss": terms.total.detach(), "jsd": jsd.detach()}
        return Terms(terms.total + self.weight * jsd, means)

    def augmented(self, images: Tensor, seed: int) -> tuple[Tensor, ...]:
        """Return x' and x'', `(n, c, h, w)` each.

        Raises:
            PointError: the inputs are not images.
        """
        check_images("augmix", images, "Choose another method for other data, e.g. gaussian.")
        generator = torch.Generator().manual_seed(seed)
        drawn = draw_chains(len(images), self.width, self.depth, self.severity, generator)
        low, high = self._range(images)
        levels = ((images - low) / (high - low) * TOP).round().clamp(0, TOP)
        ends = run_chains(levels.repeat(VERSIONS * self.width, 1, 1, 1), drawn)
        ends = ends.view(VERSIONS, self.width, *images.shape)
        weights, m = drawn.weights.to(images), drawn.m.to(images)
        mixed = torch.einsum("vkn,vknchw->vnchw", weights, ends) / TOP * (high - low) + low
        return torch.lerp(images.expand_as(mixed), mixed, m[..., None, None, None]).unbind()

    def _range(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if self.bounds is None or self.bounds.low is None or self.bounds.high is None:
            low, high = images.amin((0, 2, 3), keepdim=True), images.amax((0, 2, 3), keepdim=True)
            return low, torch.maximum(high, low + 1e-6)
        return self.bounds.low.to(images), self.bounds.high.to(images)

    def _distribution(self, logits: Tensor) -> Tensor:
        """Return probabilities `(n, k)`; of independent labels that they are true, and false."""
        p = self.loss_fn.mean_response(logits)
        return torch.cat([p, 1 - p], 1) if self.loss_fn.target_kind == "labels" else p


def divergence(predictions: list[Tensor]) -> Tensor:
    """Return the Jensen-Shannon divergence of probabilities `(n, k)`, `(n,)`, in nats."""
    stacked = torch.stack(predictions)
    mixture = stacked.mean(0).clamp(1e-7, 1).log()
    return (torch.xlogy(stacked, stacked) - stacked * mixture).sum(2).mean(0)


def augmix(
    *,
    width: int = 3,
    depth: int | None = None,
    severity: float = 3.0,
    weight: float = 12.0,
    loss: LossName | None = None,
) -> AugMix:
    """AugMix (Hendrycks et al. 2020) with the settings of its CIFAR code.

    Settings:
        loss: of logits and targets; `null` is the one that fits the data.
    """
    return AugMix(width, depth, severity, weight, loss_named(loss))
