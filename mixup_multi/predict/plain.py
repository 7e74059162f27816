"""The model's own prediction: F(x) = g(f(x))."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mixup_multi.objectives.losses import Loss
from mixup_multi.points import Edits
from mixup_multi.predict.predictor import Predictor, logits_of
from mixup_multi.tree import Tree


@dataclass(frozen=True, slots=True)
class Plain(Predictor):
    """One pass, nothing random."""

    def logits(
        self,
        model: nn.Module,
        inputs: Tree,
        seed: int,  # noqa: ARG002
        judge: Loss,  # noqa: ARG002
        *,
        rows: Tensor | None = None,  # noqa: ARG002
        edits: Edits | None = None,
    ) -> Tensor:
        """Return `model(inputs)`."""
        return logits_of(model, inputs, edits)
