"""A predictor seen as a model, for what asks for one: an attack that knows of the predictor.

An attack on the plain model, whose result the predictor then sees, is *oblivious*; one on
`as_model(...)` is *adaptive*: its gradients go through the average over the samples. With the
seed of the evaluation it knows the very samples; with another it knows their law only.
"""

from __future__ import annotations

from torch import Tensor, nn

from mixup_multi.objectives.losses import Loss
from mixup_multi.points import Edits, check_points, offered_points
from mixup_multi.predict.predictor import Predictor
from mixup_multi.tree import Tree


class Predicting(nn.Module):
    """What `as_model` returns."""

    def __init__(
        self,
        predictor: Predictor,
        model: nn.Module,
        seed: int,
        judge: Loss,
        rows: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.rows = rows
        self.predictor = predictor
        self.model = model
        self.seed = seed
        self.judge = judge
        self.points = offered_points(model)

    def forward(self, inputs: Tree, edits: Edits | None = None) -> Tensor:
        """Return logits `(n, c)` of the averaged probabilities."""
        check_points(self.points, tuple(edits or ()))
        asked = (self.model, inputs, self.seed, self.judge)
        return self.predictor.logits(*asked, rows=self.rows, edits=edits)


def as_model(
    predictor: Predictor,
    model: nn.Module,
    seed: int,
    judge: Loss,
    rows: Tensor | None = None,
) -> nn.Module:
    """Return a model whose logits are those of the predictor's probabilities.

    For classes they are log (1/N) sum p; for independent labels the log odds of the mean. Being
    in training mode changes nothing: a predictor always looks at the model in evaluation.

    Args:
        predictor: fitted.
        model: a trained model; it is shared, not copied.
        seed: of the predictor's random numbers, the same in each call.
        judge: the loss.
        rows: `(n,)` the places in the training source of the examples that it will be given,
            where they come from it: a predictor leaves an example itself out of its samples.
    """
    return Predicting(predictor, model, seed, judge, rows)
