"""`MixupRegressor`: the methods as a scikit-learn regressor, with the squared loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from mixup_multi.engine.memory import pick_device
from mixup_multi.sklearn.base import MixupEstimator
from mixup_multi.sklearn.training import mean_of_members


class MixupRegressor(RegressorMixin, MixupEstimator):  # type: ignore[misc]
    """A multi-layer perceptron trained by mixup, C-Mixup or another method on numbers.

    The settings are those of `MixupClassifier`. Targets, one column or several, are standardised
    for training. Methods that need classes (`partner: other_class`) are refused.
    """

    _loss = "squared"

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on rows `X` `(n, d)` with numbers `y`, `(n,)` or `(n, outputs)`."""
        go_on = self.warm_start and hasattr(self, "_states")
        X, y = self._checked(X, y, reset=not go_on)
        if not go_on:
            self._fit_targets(y)
        targets = self._targets(y)
        return self._train(X, targets, sample_weight, epochs=self.epochs, go_on=go_on)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one more epoch on these rows; targets are scaled as in the first call."""
        go_on = hasattr(self, "_states")
        X, y = self._checked(X, y, reset=not go_on)
        if not go_on:
            self._fit_targets(y)
        return self._train(X, self._targets(y), sample_weight, epochs=1, go_on=go_on)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return numbers in the units of `y`, the mean over networks."""
        check_is_fitted(self, "_states")
        scaled = self._scaled(self._inputs(X, reset=False))
        said = mean_of_members(self._states, scaled, lambda f: f, pick_device(self.device))
        found: NDArray[np.float64] = said * self._target_spread + self._target_centre
        return found.ravel() if self._flat else found

    def _checked(
        self, X: ArrayLike, y: ArrayLike, *, reset: bool
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        rows, numbers = validate_data(
            self,
            X,
            y,
            reset=reset,
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
        )
        return rows, np.asarray(numbers, dtype=np.float64)

    def _fit_targets(self, y: NDArray[np.float64]) -> None:
        self._flat = y.ndim == 1
        columns = y.reshape(len(y), -1)
        spread = columns.std(0)
        self._target_centre = columns.mean(0)
        self._target_spread = np.where(spread > 0, spread, 1.0)

    def _targets(self, y: NDArray[np.float64]) -> Tensor:
        columns = y.reshape(len(y), -1)
        return torch.from_numpy((columns - self._target_centre) / self._target_spread).float()

    def _class_names(self) -> Sequence[str]:
        return [f"output {number}" for number in range(len(self._target_centre))]

    def _strata(self, targets: Tensor) -> None:
        """Return nothing: numbers are not stratified."""
