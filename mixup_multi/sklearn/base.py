"""What the classifier and the regressor have in common: settings, scaling, members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data
from torch import Tensor

from mixup_multi import door
from mixup_multi.engine.memory import pick_device
from mixup_multi.engine.settings import Train
from mixup_multi.engine.state import State
from mixup_multi.objectives.objective import Objective
from mixup_multi.sklearn.training import Floats, Plan, as_data, train_members
from mixup_multi.sklearn.weights import repeated


class MixupEstimator(BaseEstimator):  # type: ignore[misc]
    """A multi-layer perceptron trained by any of the methods; see `MixupClassifier`."""

    _loss: str
    _states: list[State]

    def __init__(
        self,
        method: str | Objective = "mixupe",
        *,
        method_settings: Mapping[str, Any] | None = None,
        hidden_layer_sizes: Sequence[int] = (128, 128),
        activation: Literal["relu", "tanh", "gelu"] = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        epochs: int = 50,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        optimizer: Literal["adam", "adamw", "sgd"] = "adam",
        weight_decay: float = 0.0,
        n_trials: int = 1,
        scale: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
    ) -> None:
        self.method = method
        self.method_settings = method_settings
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.n_trials = n_trials
        self.scale = scale
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device

    def _inputs(self, X: ArrayLike, *, reset: bool) -> NDArray[Any]:
        inputs: NDArray[Any] = validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], accept_sparse=False
        )
        return inputs

    def _train(
        self,
        X: NDArray[Any],
        targets: Tensor,
        sample_weight: ArrayLike | None,
        *,
        epochs: int,
        go_on: bool,
    ) -> Self:
        """Train all members, new ones or those that are there, and keep them."""
        kept = _canonical_order(X, targets)
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
            kept = kept[repeated(weights[kept])]
        if not go_on:
            self._fit_scale(X[kept])
            random = check_random_state(self.random_state)
            self._seeds = random.randint(2**31 - 1, size=self.n_trials).tolist()
        learnt, held = kept, None
        if self.early_stopping:
            learnt, held = self._held_out(kept, targets)
        scaled = self._scaled(X)
        data = as_data(
            (scaled[learnt], targets[learnt]),
            None if held is None else (scaled[held], targets[held]),
            self._class_names(),
            self._loss,
        )
        states = self._states if go_on else None
        self._states = train_members(self._plan(epochs), data, self._seeds, states)
        self.n_iter_ = max(state.epoch for state in self._states)
        self.loss_curve_ = [record["train_loss"] for record in self._states[0].history]
        return self

    def _plan(self, epochs: int) -> Plan:
        return Plan(
            objective=self._objective(),
            loss=self._loss,
            network={
                "widths": tuple(self.hidden_layer_sizes),
                "activation": self.activation,
                "dropout": self.dropout,
                "batch_norm": self.batch_norm,
            },
            train=Train(
                epochs=epochs,
                batch_size=self.batch_size,
                optimizer=self.optimizer,
                lr=self.learning_rate,
                weight_decay=self.weight_decay,
            ),
            device=pick_device(self.device),
            patience=self.n_iter_no_change if self.early_stopping else None,
            tolerance=self.tol,
        )

    def _objective(self) -> Objective:
        if isinstance(self.method, Objective):
            return self.method
        given = {"loss": self._loss, **(self.method_settings or {})}
        settings = door.check_settings(door.load_objective(self.method), given)
        objective: Objective = door.build_objective({"name": self.method, **settings})
        return objective

    def _fit_scale(self, X: NDArray[Any]) -> None:
        if self.scale:
            spread = X.std(0, dtype=np.float64)
            self._centre = X.mean(0, dtype=np.float64)
            self._spread = np.where(spread > 0, spread, 1.0)

    def _scaled(self, X: NDArray[Any]) -> Floats:
        scaled = (X - self._centre) / self._spread if self.scale else X
        return np.ascontiguousarray(scaled, dtype=np.float32)

    def _class_names(self) -> Sequence[str]:
        raise NotImplementedError

    def _strata(self, targets: Tensor) -> NDArray[Any] | None:
        raise NotImplementedError

    def _held_out(
        self, kept: NDArray[np.int64], targets: Tensor
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Divide rows, of which some may be there repeatedly, into those learnt from and others."""
        rows = np.unique(kept)
        size, seed = self.validation_fraction, self._seeds[0]
        strata = self._strata(targets[rows])
        _, held = train_test_split(rows, test_size=size, stratify=strata, random_state=seed)
        out = np.isin(kept, held)
        return kept[~out], kept[out]


def _canonical_order(X: NDArray[Any], targets: Tensor) -> NDArray[np.int64]:
    """Return the rows in an order of their own, so that fitting does not depend on the given one.

    They are sorted by a projection on a fixed direction, which no two different rows share but by
    accident, and by their targets.
    """
    direction = np.random.default_rng(0).standard_normal(X.shape[1])
    label = targets.reshape(len(X), -1)[:, 0].numpy()
    order: NDArray[np.int64] = np.lexsort((X.astype(np.float64) @ direction, label))
    return order
