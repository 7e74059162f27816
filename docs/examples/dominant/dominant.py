"""Dominant mixup: every row keeps at least half of itself (MixMatch, Berthelot et al. 2019).

own  = max(b, 1 - b),  b ~ Beta(alpha, alpha)
loss = mean_i l(f(own x_i + (1 - own) x_j), own y_i + (1 - own) y_j)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.mix import BetaShare, Mix, draw_partner, mix_rows
from mixup_multi.objectives import Draw, Loss, Objective, Terms
from mixup_multi.objectives.erm import score
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.presets.settings import LossName
from mixup_multi.points import offered_points, run_edited
from mixup_multi.tree import Tree, tree_map


@dataclass(frozen=True)
class Dominant(Objective):
    """Mixup at the model's preferred point, in which a row outweighs its partner.

    Attributes:
        share: the law of b.
        loss_fn: the loss of logits and mixed targets.
    """

    share: BetaShare
    loss_fn: Loss

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw partners, and shares of at least one half: everything random is made here."""
        partner = draw_partner("any", targets, generator)
        b = self.share.draw(len(targets), generator)
        return Draw(Mix(partner, torch.maximum(b, 1 - b)))

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the loss of mixed rows against mixed targets: no randomness, nothing changed."""

        def mixed(flow: Tree) -> Tree:
            return tree_map(lambda leaf: mix_rows(leaf, draw.mix), flow)

        point = offered_points(model)[0]
        logits = run_edited(model, batch.inputs, {point: mixed})
        return score(self.loss_fn, logits, mixed(batch.targets))


def dominant(*, alpha: float = 0.75, loss: LossName | None = None) -> Dominant:
    """Dominant mixup (MixMatch, Berthelot et al. 2019); alpha = 0 is plain training."""
    return Dominant(BetaShare(alpha), loss_named(loss))
