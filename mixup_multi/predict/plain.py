"""The model's own prediction: F(x) = g(f(x))."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mixup_multi.attacks.quiet import looked_at
from mixup_multi.objectives.losses import Loss
from mixup_multi.points import Edits, run_edited
from mixup_multi.predict.predictor import Predictor
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
        with looked_at(model, "eval"):
            return run_edited(model, inputs, edits or {})
