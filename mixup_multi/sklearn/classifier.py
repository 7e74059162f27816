"""`MixupClassifier`: the methods as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from mixup_multi.engine.memory import pick_device
from mixup_multi.errors import SettingError
from mixup_multi.objectives.objective import Objective, target_kind
from mixup_multi.sklearn.base import MixupEstimator
from mixup_multi.sklearn.training import mean_of_members


class MixupClassifier(ClassifierMixin, MixupEstimator):  # type: ignore[misc]
    """A multi-layer perceptron trained by mixup, MixupE or any other method.

    Args:
        method: the name of an installed method (`mixup-multi list methods`), or an objective.
        method_settings: its settings, as in a recipe, e.g. `{"alpha": 0.4}`. A search finds each
            as `method__alpha`.
        hidden_layer_sizes: units of the hidden layers; one or more, or a number for one layer.
        activation: relu, tanh or gelu.
        dropout: the probability, in [0, 1), that a hidden unit is dropped.
        batch_norm: whether hidden layers are normalised.
        epochs: passes over the training rows.
        batch_size: rows a step.
        learning_rate: of the optimiser.
        optimizer: adam, adamw or sgd.
        weight_decay: of the optimiser.
        n_trials: how many networks of different seeds are trained (side by side, where they can
            be) and averaged.
        scale: standardise every feature by its training mean and deviation first, since rows are
            mixed as a whole. Sizes of perturbations are in these deviations, or else in the
            features' own units; perturbed features stay between their ends in training.
        early_stopping: hold out rows, and keep the weights of their least loss.
        validation_fraction: the share that is held out, stratified by class.
        n_iter_no_change: epochs without improvement before training stops.
        tol: what counts as an improvement of the held-out loss.
        warm_start: whether a second `fit` goes on from where the first ended; what the networks
            were built with must be as it was.
        random_state: seeds initialisation, order and mixing.
        device: auto, cpu, cuda or cuda:N.

    Attributes:
        classes_: the labels, sorted.
        n_features_in_, feature_names_in_: as in scikit-learn.
        n_iter_: epochs that were trained.
        loss_curve_: the first network's training loss by epoch.

    `sample_weight` counts rows: whole weights are repetitions, exactly; others are approached by
    systematic resampling. With `early_stopping` repetitions are held out together where they are
    weights, so that no copy of a row that is learnt is looked at, and apart where they are rows.
    """

    _loss = "softmax"

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on rows `X` `(n, d)` with labels `y` `(n,)` of any type.

        Raises:
            ValueError: X or y is not what scikit-learn expects, or a setting is out of range.
            SettingError: a setting of the method is unknown or out of range, or its loss is not
                of classes.
        """
        go_on = self._goes_on(wanted=self.warm_start)
        X, targets = self._checked(X, y, reset=not go_on)
        if not go_on:
            self.classes_ = unique_labels(y)
        indices = self._indices(targets)
        return self._train(X, indices, sample_weight, epochs=self.epochs, go_on=go_on)

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train one more epoch on these rows; the first call needs all `classes`."""
        go_on = self._goes_on(wanted=True)
        if not go_on and classes is None:
            raise ValueError("classes is missing: expected all labels in the first partial_fit")
        X, targets = self._checked(X, y, reset=not go_on)
        if not go_on:
            self.classes_ = unique_labels(classes)
        return self._train(X, self._indices(targets), sample_weight, epochs=1, go_on=go_on)

    def _objective(self) -> Objective:
        objective = super()._objective()
        kind = target_kind(objective)
        if kind not in (None, "distribution"):
            raise SettingError(
                f"the method's loss is of {kind}, each for itself, and a classifier's classes"
                ' exclude each other, as predict_proba says: expected loss "softmax", which is'
                " the default"
            )
        return objective

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities `(n, c)` in the order of `classes_`, the mean over networks."""
        check_is_fitted(self, "_states")
        scaled = self._scaled(self._inputs(X, reset=False))
        device = pick_device(self.device)
        return mean_of_members(self._states, scaled, lambda f: f.softmax(1), device)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable label of each row, `(n,)`."""
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(1)]
        return labels

    def _checked(
        self, X: ArrayLike, y: ArrayLike, *, reset: bool
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        rows, labels = validate_data(self, X, y, reset=reset, dtype=[np.float64, np.float32])
        check_classification_targets(labels)
        return rows, np.asarray(labels)

    def _indices(self, y: NDArray[Any]) -> Tensor:
        places = np.searchsorted(self.classes_, y)
        known = np.minimum(places, len(self.classes_) - 1)
        if not np.array_equal(self.classes_[known], y):
            new = sorted(set(y.tolist()) - set(self.classes_.tolist()), key=str)
            raise ValueError(f"y has the labels {new}: expected those of {self.classes_.tolist()}")
        return torch.from_numpy(places)

    def _class_names(self) -> Sequence[str]:
        return [str(label) for label in self.classes_]

    def _fit_targets(self, targets: Tensor) -> None:
        """Do nothing: classes are not scaled."""

    def _strata(self, targets: Tensor) -> NDArray[Any] | None:
        """Return the labels to stratify by; None where a class has a single row."""
        labels: NDArray[Any] = targets.numpy()
        counts = np.unique(labels, return_counts=True)[1]
        return labels if counts.min() > 1 else None
