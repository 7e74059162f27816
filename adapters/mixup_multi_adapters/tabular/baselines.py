"""scikit-learn's classifiers as models, to be compared with networks on the same splits.

They are not trained by gradients: an estimator is fitted to all training rows where it is first
asked for a prediction. The training loop has a bias to move, the classes' frequencies, which no
prediction reads; one epoch of `erm` is enough, and its training loss says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.points import Edits, check_points


class Fitted(nn.Module):
    """An estimator behind a model's face.

    Args:
        data: a table of this adapter, without columns to embed.
        make: returns the estimator for a seed, which is that of the cell's initial weights.
    """

    def __init__(self, data: Data, make: Callable[[int], Any]) -> None:
        super().__init__()
        if data.facts.get("cardinalities"):
            raise SettingError(
                "scikit-learn's models read numbers: expected categorical: onehot, not embed"
            )
        self.points = ("input",)
        self.bias = nn.Parameter(torch.zeros(len(data.classes)))
        self._train = data.train
        self._estimator = make(torch.initial_seed() % 2**31)
        self._is_fitted = False

    def forward(self, inputs: Tensor, edits: Edits | None = None) -> Tensor:
        """Return logits `(n, c)`: in evaluation, the logarithms of predicted probabilities.

        Raises:
            SettingError: a gradient to the inputs is asked for.
        """
        check_points(self.points, tuple(edits or ()))
        for edit in (edits or {}).values():
            inputs = edit(inputs)
        if self.training:
            return self.bias.expand(len(inputs), -1)
        if inputs.requires_grad:
            raise SettingError(
                "scikit-learn's models have no gradients: expected a network where something is"
                " attacked or differentiated"
            )
        self._fit()
        said = self._estimator.predict_proba(inputs.cpu().numpy())
        floor = np.finfo(np.float32).tiny
        return torch.from_numpy(np.log(np.maximum(said, floor))).to(inputs)

    def _fit(self) -> None:
        if self._is_fitted:
            return
        batch = self._train.gather(torch.arange(len(self._train)))
        labels = batch.targets.argmax(1).cpu().numpy()
        self._estimator.fit(batch.inputs.cpu().numpy(), labels)
        self._is_fitted = True


def logistic_regression(data: Data, *, c: float = 1.0, max_iter: int = 1000) -> Fitted:
    """Fit scikit-learn's `LogisticRegression`.

    Args:
        data: a table of this adapter.
        c: the inverse of the penalty's weight.
        max_iter: of its solver.
    """
    from sklearn.linear_model import LogisticRegression

    return Fitted(data, lambda seed: LogisticRegression(C=c, max_iter=max_iter, random_state=seed))


def random_forest(data: Data, *, trees: int = 500) -> Fitted:
    """Fit scikit-learn's `RandomForestClassifier`.

    Args:
        data: a table of this adapter.
        trees: how many.
    """
    from sklearn.ensemble import RandomForestClassifier

    return Fitted(data, lambda seed: RandomForestClassifier(trees, random_state=seed))


def gradient_boosting(data: Data, *, rounds: int = 100, lr: float = 0.1) -> Fitted:
    """Fit scikit-learn's `HistGradientBoostingClassifier`.

    Args:
        data: a table of this adapter.
        rounds: of boosting, each with a tree a class.
        lr: the shrinkage of a tree.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    return Fitted(
        data,
        lambda seed: HistGradientBoostingClassifier(
            max_iter=rounds, learning_rate=lr, random_state=seed
        ),
    )
