"""The contract of a predictor: the logits of the probabilities that it predicts.

Logits rather than probabilities, since the loss of a probability that is rounded to 1 has no
gradient, and an attack on the predictor would be stopped by that alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from mixup_multi.objectives.losses import Loss
from mixup_multi.objectives.objective import TrainingPart
from mixup_multi.points import Edits
from mixup_multi.tree import Tree


class Predictor(ABC):
    """A way to predict with a trained model; frozen settings, and what `fit` took of the data."""

    entry_points: ClassVar[str] = "mixup_multi.predictors"

    @abstractmethod
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
        """Return logits `(n, c)` of the predicted probabilities, differentiable in `inputs`.

        The model predicts in evaluation mode; its mode, statistics and gradients stay.

        Args:
            model: a trained model.
            inputs: n examples, as the model reads them.
            seed: of everything random; the same seed gives the same prediction.
            judge: the loss, whose mean response turns logits into probabilities.
            rows: `(n,)` the examples' places in the training source, where they come from it.
            edits: of the model, e.g. an attack at a hidden point.
        """

    def fit(self, train: TrainingPart) -> Self:  # noqa: ARG002  (a plain prediction needs nothing of it)
        """Return the predictor with what it needs of the training part."""
        return self

    def check(self, model: nn.Module) -> None:  # noqa: B027  (nothing to check is a good default)
        """Raise `PointError` where the model does not offer what the predictor asks for."""

    def to(self, device: torch.device | str) -> Self:  # noqa: ARG002  (most hold no tensors)
        """Return the predictor with its tensors on `device`."""
        return self

    @torch.no_grad()
    def probabilities(
        self,
        model: nn.Module,
        inputs: Tree,
        seed: int,
        judge: Loss,
        *,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Return the predicted probabilities `(n, c)`, without gradients; see `logits`."""
        return judge.mean_response(self.logits(model, inputs, seed, judge, rows=rows))
