"""MI-combined: which kind of Mixup Inference an example gets is told by its loss of confidence.

gap(x) = max F(x) - max F_PL(x)
F_MI(x) = F_PL(x) where gap(x) < gap, else F_OL(x)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from mixup_multi.attacks.quiet import looked_at
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import Loss
from mixup_multi.objectives.objective import TrainingPart
from mixup_multi.points import Edits
from mixup_multi.predict.mixup_inference import MixupInference
from mixup_multi.predict.predictor import Predictor
from mixup_multi.predict.question import Question
from mixup_multi.streams import seed_of
from mixup_multi.tree import Tree


@dataclass(frozen=True, slots=True)
class CombinedInference(Predictor):
    """MI-PL where mixing with the predicted class leaves the confidence as it was, else MI-OL.

    Attributes:
        predicted: MI-PL.
        other: MI-OL.
        gap: the loss of confidence from which on an example counts as attacked.

    Raises:
        SettingError: the gap is NaN.
    """

    predicted: MixupInference
    other: MixupInference
    gap: float = 0.2

    def __post_init__(self) -> None:
        if self.gap != self.gap:
            raise SettingError("gap is NaN: expected a number", ("gap",))

    def fit(self, train: TrainingPart) -> Self:
        """Return the predictor with its pools; if they are drawn alike, they are one."""
        predicted, other = self.predicted.fit(train), self.other
        same = other.pooling == predicted.pooling
        other = replace(other, pool=predicted.pool) if same else other.fit(train)
        return replace(self, predicted=predicted, other=other)

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer the points."""
        self.predicted.check(model)
        self.other.check(model)

    def to(self, device: torch.device | str) -> Self:
        """Return the predictor with its pools on `device`."""
        predicted, other = self.predicted.to(device), self.other
        same = other.pool is self.predicted.pool
        other = replace(other, pool=predicted.pool) if same else other.to(device)
        return replace(self, predicted=predicted, other=other)

    def logits(
        self,
        model: nn.Module,
        inputs: Tree,
        seed: int,
        judge: Loss,
        *,
        rows: Tensor | None = None,
        edits: Edits | None = None,
    ) -> Tensor:
        """Return logits `(n, c)` of one or the other; see `Predictor.logits`."""
        with looked_at(model, "eval"):
            asked = Question.about(model, inputs, judge, rows, edits)
            predicted = self.predicted.averaged(asked, seed_of(seed, "predicted"))
            attacked = asked.confidence(asked.plain) - asked.confidence(predicted) >= self.gap
            if not bool(attacked.any()):
                return predicted
            other = self.other.averaged(asked, seed_of(seed, "other"))
            return torch.where(attacked[:, None], other, predicted)
