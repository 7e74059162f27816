"""What a predictor of many passes is asked, and what the model says of it by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import Loss
from mixup_multi.points import Edits, run_edited
from mixup_multi.tree import Tree


@dataclass(frozen=True, slots=True)
class Question:
    """The examples and the model, as `Predictor.logits` is given them.

    Attributes:
        plain: the model's own logits `(n, c)`, without gradients.
    """

    model: nn.Module
    inputs: Tree
    judge: Loss
    rows: Tensor | None
    edits: Edits
    plain: Tensor

    @classmethod
    def about(
        cls, model: nn.Module, inputs: Tree, judge: Loss, rows: Tensor | None, edits: Edits | None
    ) -> Self:
        """Return the question, with the plain logits; the model is in evaluation mode.

        Raises:
            SettingError: the model predicts numbers.
        """
        if judge.target_kind == "numbers":
            raise SettingError(
                "samples are chosen by class, and these models predict numbers: expected classes"
                " or labels, or no predictor"
            )
        with torch.no_grad():
            plain = run_edited(model, inputs, edits or {})
        return cls(model, inputs, judge, rows, edits or {}, plain)

    def confidence(self, logits: Tensor) -> Tensor:
        """Return the probability of the predicted class, `(n,)`."""
        p = self.judge.mean_response(logits.detach())
        return torch.maximum(p, 1 - p).squeeze(1) if p.shape[1] == 1 else p.amax(1)
