"""`MixupRegressor`: the methods as a scikit-learn regressor, with the squared loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from mixup_multi.engine.memory import pick_device
from mixup_multi.errors import SettingError
from mixup_multi.objectives.objective import Objective, target_kind
from mixup_multi.sklearn.base import MixupEstimator
from mixup_multi.sklearn.scaling import Scaling
from mixup_multi.sklearn.training import mean_of_members

_KINDS = {"distribution": "classes that exclude each other", "labels": "labels in [0, 1]"}


class MixupRegressor(RegressorMixin, MixupEstimator):  # type: ignore[misc]
    """A multi-layer perceptron trained by mixup, C-Mixup or another method on numbers.

    The settings are those of `MixupClassifier`. Targets, one column or several, are standardised
    for training. Methods that need classes (`partner: other_class`) are refused.
    """

    _loss = "squared"

    def __sklearn_tags__(self) -> Tags:
        """Say that several outputs can be learnt."""
        tags: Tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _objective(self) -> Objective:
        objective = super()._objective()
        kind = target_kind(objective)
        if kind not in (None, "numbers"):
            raise SettingError(
                f"the method's loss is of {_KINDS[kind]}, and a regressor's targets are numbers:"
                " expected loss_fn=Squared() in the objective, or the method by its name, whose"
                " loss is then the squared one"
            )
        return objective

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on rows `X` `(n, d)` with numbers `y`, `(n,)` or `(n, outputs)`.

        Raises:
            ValueError: X or y is not what scikit-learn expects, or a setting is out of range.
            SettingError: a setting of the method is unknown or out of range.
        """
        go_on = self._goes_on(wanted=self.warm_start)
        return self._learn(X, y, sample_weight, epochs=self.epochs, go_on=go_on)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one more epoch on these rows; targets are scaled as in the first call."""
        go_on = self._goes_on(wanted=True)
        return self._learn(X, y, sample_weight, epochs=1, go_on=go_on)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return numbers in the units of `y`, the mean over networks."""
        check_is_fitted(self, "_states")
        scaled = self._scaled(self._inputs(X, reset=False))
        said = mean_of_members(self._states, scaled, lambda f: f, pick_device(self.device))
        found = self._target_scaling.undo(said)
        return found.ravel() if self._flat else found

    def _learn(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        epochs: int,
        go_on: bool,
    ) -> Self:
        rows, numbers = validate_data(
            self,
            X,
            y,
            reset=not go_on,
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
        )
        columns = np.array(numbers, dtype=np.float64).reshape(len(rows), -1)
        if go_on:
            self._check_outputs(columns.shape[1])
        else:
            self._flat = numbers.ndim == 1
        targets = torch.from_numpy(columns)
        return self._train(rows, targets, sample_weight, epochs=epochs, go_on=go_on)

    def _check_outputs(self, given: int) -> None:
        expected = len(self._target_scaling.centre)
        if given != expected:
            raise ValueError(
                f"y has {given} outputs: expected {expected}, as many as the networks that are"
                " trained on. Call fit with warm_start=False for new ones"
            )

    def _fit_targets(self, targets: Tensor) -> None:
        self._target_scaling = Scaling.fit(targets.numpy())

    def _scaled_targets(self, targets: Tensor) -> Tensor:
        return torch.from_numpy(self._target_scaling.apply(targets.numpy())).float()

    def _class_names(self) -> Sequence[str]:
        return [f"output {number}" for number in range(len(self._target_scaling.centre))]

    def _strata(self, targets: Tensor) -> None:
        """Return nothing: numbers are not stratified."""
