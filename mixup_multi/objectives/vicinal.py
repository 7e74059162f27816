"""Vicinal risk: L = mean_i l(f(blend(x_i, x_j)), own y_i + (1 - own) y_j), x at some point.

One objective for a family; its members are choices of its fields:

    mixup            input                   Beta(a, a)   linear   (Zhang et al. 2018)
    Manifold Mixup   a point drawn a batch   Beta(a, a)   linear   (Verma et al. 2019)
    graph mixup      readout                 Beta(a, a)   linear   (Wang et al. 2021)
    CutMix           input                   Beta(a, a)   cut      (Yun et al. 2019)
    VarMixup         input                   Beta(a, a)   latent   (Mangla et al. 2020)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix.draw import OF_CLASSES, BetaShare, Mix, Partner, Share, draw_partner
from mixup_multi.mix.linear import Blend, LearntBlend, Linear, mix_rows
from mixup_multi.objectives.erm import score
from mixup_multi.objectives.losses import Loss, Softmax
from mixup_multi.objectives.objective import Draw, Objective, Terms, TrainingPart
from mixup_multi.points import check_points, offered_points, run_edited
from mixup_multi.tree import Tree


@dataclass(frozen=True, slots=True)
class Vicinal(Objective):
    """Rows are blended with partners at a point, and so are their labels.

    Attributes:
        share: the law of the share that a row keeps.
        partner: which rows meet.
        points: names of points, of which one is drawn for each batch; `("first",)`, the model's
            preferred one; or `("all",)`, any that the model offers.
        blend: how two rows become one.
        loss_fn: the loss of logits and blended targets.
        bandwidth: of the partner `near`, > 0, in the targets' units; None for the others.

    Raises:
        SettingError: no point is named; the bandwidth does not fit the partner, or the partner
            the loss: numbers have no classes.
    """

    share: Share = field(default_factory=lambda: BetaShare(1.0))
    partner: Partner = "any"
    points: tuple[str, ...] = ("first",)
    blend: Blend = Linear()  # noqa: RUF009  (stateless)
    loss_fn: Loss = Softmax()  # noqa: RUF009  (stateless)
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        if not self.points:
            raise SettingError("points is empty: expected first, all, or names of points")
        self._check_partner()

    def _check_partner(self) -> None:
        if self.partner in OF_CLASSES and self.loss_fn.target_kind == "numbers":
            raise SettingError(
                f"partner is {self.partner} for targets that are numbers, which have no classes:"
                " expected any or near",
                ("partner",),
            )
        if self.partner == "near" and not 0 < (self.bandwidth or 0) < float("inf"):
            raise SettingError(
                f"bandwidth is {self.bandwidth} for partner near: expected a number > 0, in the"
                " units of the targets (1 is a standard deviation where they are standardised)",
                ("bandwidth",),
            )
        if self.partner != "near" and self.bandwidth is not None:
            raise SettingError(
                f"bandwidth has no effect beside partner {self.partner}: expected partner near",
                ("bandwidth",),
            )

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw partners, shares, the point and what the blend needs, in this order."""
        partner = draw_partner(self.partner, targets, generator, self.bandwidth)
        own = self.share.draw(len(targets), generator)
        where = torch.rand(1, generator=generator, dtype=torch.float64).item()
        return Draw(Mix(partner, own), where, self.blend.draw(len(own), generator))

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with its blend fitted, where that learns from the data."""
        if not isinstance(self.blend, LearntBlend):
            return self
        return replace(self, blend=self.blend.fit(train))

    def candidates(self, model: nn.Module) -> Sequence[str]:
        """Return the points that are mixed at, of those that the model offers.

        Raises:
            PointError: it offers none.
        """
        offered = offered_points(model)
        if not offered:
            raise PointError("this model offers no point to mix at: its `points` is empty")
        if self.points == ("all",):
            return offered
        return offered[:1] if self.points == ("first",) else self.points

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer the points."""
        check_points(offered_points(model), self.candidates(model))

    def point(self, model: nn.Module, draw: Draw) -> str:
        """Return the point that this draw mixes at."""
        names = self.candidates(model)
        return names[int(draw.where * len(names))]

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the loss of the blended rows against the blended targets."""
        blending = self.blending(model, batch, draw)
        logits = run_edited(model, batch.inputs, {self.point(model, draw): blending})
        return self.score(logits, batch.targets, blending)

    def blending(self, model: nn.Module, batch: Batch, draw: Draw) -> Blending:
        """Return the edit that blends this batch at the draw's point."""
        blend = self.blend
        if isinstance(blend, LearntBlend):
            blend = blend.at(batch.rows if self.point(model, draw) == "input" else None)
        return Blending(blend, draw)

    def score(self, logits: Tensor, targets: Tensor, blending: Blending) -> Terms:
        """Return the loss of blended logits, once the edit has run."""
        return score(self.loss_fn, logits, mix_rows(targets, blending.label_mix))


class Blending:
    """The edit that applies a draw at a point, and remembers the labels' mix."""

    def __init__(self, blend: Blend, draw: Draw) -> None:
        self.blend = blend
        self.drawn = draw
        self.label_mix = draw.mix

    def __call__(self, flow: Tree) -> Tree:
        """Return the blended flow."""
        blended, self.label_mix = self.blend(flow, self.drawn.mix, self.drawn.blend)
        return blended
