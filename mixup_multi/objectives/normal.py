"""VarMixup where inputs cannot be decoded: mixing in hidden states that are pulled to N(0, I).

    L = L_mix + gamma MMD^2(h, N(0, I)),   h the clean hidden states at the point of mixing

A VarMixup of graphs is in no paper, and a graph has no decoder here. This is our reading of it:
the latent space is the model's own at a point (of a graph model, its readout), the layers before
it are the encoder, and those after it take the decoder's place: mixed codes go on to logits
without becoming inputs again. What is left of VarMixup is the prior that codes are mixed under.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import SettingError
from mixup_multi.latent.mmd import Kernel, mmd_to_normal
from mixup_multi.objectives.objective import Draw, Objective, Terms, TrainingPart
from mixup_multi.objectives.vicinal import Vicinal
from mixup_multi.points import run_edited
from mixup_multi.tree import Tree, leaves


@dataclass(frozen=True, slots=True)
class NormalHidden(Objective):
    """A vicinal objective whose clean hidden states are regularised by their MMD to N(0, I).

    Attributes:
        inner: mixes, and says at which point.
        gamma: >= 0, the weight of the MMD. 0 is `inner`, bit for bit.
        kernel: of the MMD.

    Raises:
        SettingError: gamma is negative, infinite or NaN.
    """

    inner: Vicinal = field(default_factory=Vicinal)
    gamma: float = 1.0
    kernel: Kernel = field(default_factory=Kernel)

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < float("inf"):
            raise SettingError(f"gamma is {self.gamma}: expected a number >= 0", ("gamma",))

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw what the inner objective draws, then the seed of N(0, I)'s sample."""
        draw = self.inner.draw(targets, generator)
        if self.gamma == 0:
            return draw
        return replace(draw, seed=int(torch.randint(2**62, (), generator=generator)))

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with its inner one fitted."""
        return replace(self, inner=self.inner.fit(train))

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer the inner objective's points."""
        self.inner.check(model)

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the sum, with L_mix and the MMD beside it; one pass gives both."""
        if self.gamma == 0:
            return self.inner.loss(model, batch, draw)
        blending = self.inner.blending(model, batch, draw)
        clean: list[Tree] = []

        def seen(flow: Tree) -> Tree:
            blended = blending(flow)  # first, as it refuses what cannot be mixed
            clean.append(flow)
            return blended

        logits = run_edited(model, batch.inputs, {self.inner.point(model, draw): seen})
        mixed = self.inner.score(logits, batch.targets, blending)
        hidden = torch.cat([leaf.flatten(1) for leaf in leaves(clean[0])], 1)
        generator = torch.Generator().manual_seed(draw.seed)
        discrepancy = mmd_to_normal(hidden, self.kernel, generator)
        parts = {"mixed_loss": mixed.total.detach(), "mmd": discrepancy.detach()}
        return replace(
            mixed,
            total=mixed.total + self.gamma * discrepancy,
            means={**mixed.means, **parts},
        )
