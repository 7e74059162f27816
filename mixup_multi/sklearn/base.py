"""What the classifier and the regressor have in common: settings, scaling, members."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data
from torch import Tensor

from mixup_multi.engine.memory import pick_device
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data
from mixup_multi.engine.state import State
from mixup_multi.objectives.objective import Objective
from mixup_multi.sklearn.rows import Rows, canonical_order, held_out
from mixup_multi.sklearn.scaling import Scaling
from mixup_multi.sklearn.settings import (
    CONSTRAINTS,
    built_with,
    check_unchanged,
    objective_of,
    widths_of,
)
from mixup_multi.sklearn.training import Floats, Plan, as_data, train_members
from mixup_multi.sklearn.weights import repeated

NESTED = "method__"
"""How the names of the method's settings begin among the parameters, in searches."""


class MixupEstimator(BaseEstimator, ABC):  # type: ignore[misc]
    """A multi-layer perceptron trained by any of the methods; see `MixupClassifier`."""

    _parameter_constraints: ClassVar[Mapping[str, Sequence[Any]]] = CONSTRAINTS
    _loss: str
    _states: list[State]
    _scaling: Scaling

    def __init__(
        self,
        method: str | Objective = "mixupe",
        *,
        method_settings: Mapping[str, Any] | None = None,
        hidden_layer_sizes: int | Sequence[int] = (128, 128),
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

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, as scikit-learn does.

        Args:
            deep: whether the method's settings are there by themselves too, as `method__alpha`.
        """
        params: dict[str, Any] = super().get_params(deep=deep)
        if deep and isinstance(self.method_settings, Mapping):
            params |= {f"{NESTED}{name}": value for name, value in self.method_settings.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; `method__alpha=0.4` sets one of `method_settings`, the others stay."""
        ours = {name: params.pop(name) for name in list(params) if name.startswith(NESTED)}
        super().set_params(**params)
        if ours:
            nested = {name.removeprefix(NESTED): value for name, value in ours.items()}
            self.method_settings = {**(self.method_settings or {}), **nested}
        return self

    def _inputs(self, X: ArrayLike, *, reset: bool) -> NDArray[Any]:
        inputs: NDArray[Any] = validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], accept_sparse=False
        )
        return inputs

    def _goes_on(self, *, wanted: bool) -> bool:
        """Check the settings, and return whether networks that are there are trained on."""
        self._validate_params()
        built = built_with(self.get_params(deep=False))
        if not wanted or not hasattr(self, "_states"):
            return False
        check_unchanged(built, self._built)
        return True

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
        objective = self._objective()
        rows = self._rows(X, targets, sample_weight)
        if not go_on:
            random = check_random_state(self.random_state)
            self._seeds = random.randint(2**31 - 1, size=self.n_trials).tolist()
        learnt, held = self._held_out(rows, targets) if self.early_stopping else (rows, None)
        self._check_batches(len(learnt))
        if not go_on:
            self._scaling = Scaling.fit(X[learnt]) if self.scale else Scaling.none(X.shape[1])
            self._fit_targets(targets[learnt])
        data = self._data(X, targets, learnt, held)
        states = self._states if go_on else None
        self._states = train_members(self._plan(objective, epochs), data, self._seeds, states)
        self._built = built_with(self.get_params(deep=False))
        self.n_iter_ = max(state.epoch for state in self._states)
        self.loss_curve_ = [record["train_loss"] for record in self._states[0].history]
        return self

    def _objective(self) -> Objective:
        """Return the method as an objective."""
        return objective_of(self.method, self.method_settings, self._loss)

    def _check_batches(self, rows: int) -> None:
        if self.batch_norm and min(rows, self.batch_size) == 1:
            raise ValueError(
                f"batch_norm is True, and batches are of one row (batch_size {self.batch_size}, of"
                f" {rows} training rows, n_samples = {rows}), which has no variance: expected two"
                " rows a batch or more, or batch_norm=False"
            )

    def _rows(self, X: NDArray[Any], targets: Tensor, sample_weight: ArrayLike | None) -> Rows:
        """Return which rows count, in their canonical order, each as often as its weight says."""
        rows = canonical_order(X, targets)
        if sample_weight is None:
            return rows
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return rows[repeated(weights[rows])]

    def _data(
        self,
        X: NDArray[Any],
        targets: Tensor,
        learnt: Rows,
        held: Rows | None,
    ) -> Data:
        def part(rows: Rows) -> tuple[Floats, Tensor]:
            return self._scaled(X[rows]), self._scaled_targets(targets[rows])

        return as_data(
            part(learnt),
            None if held is None else part(held),
            self._class_names(),
            self._loss,
            "standard deviations of a feature" if self.scale else "the features' own units",
        )

    def _plan(self, objective: Objective, epochs: int) -> Plan:
        return Plan(
            objective=objective,
            loss=self._loss,
            network={
                "widths": widths_of(self.hidden_layer_sizes),
                "activation": self.activation,
                "dropout": self.dropout,
                "batch_norm": self.batch_norm,
            },
            train=Train(
                epochs=int(epochs),  # NumPy's numbers, of a search's grid, become Python's
                batch_size=int(self.batch_size),
                optimizer=self.optimizer,
                lr=float(self.learning_rate),
                weight_decay=float(self.weight_decay),
            ),
            device=pick_device(self.device),
            patience=self.n_iter_no_change if self.early_stopping else None,
            tolerance=self.tol,
        )

    @abstractmethod
    def _fit_targets(self, targets: Tensor) -> None: ...

    def _scaled(self, X: NDArray[Any]) -> Floats:
        return np.ascontiguousarray(self._scaling.apply(X), dtype=np.float32)

    def _scaled_targets(self, targets: Tensor) -> Tensor:
        return targets

    @abstractmethod
    def _class_names(self) -> Sequence[str]: ...

    @abstractmethod
    def _strata(self, targets: Tensor) -> NDArray[Any] | None: ...

    def _held_out(self, kept: Rows, targets: Tensor) -> tuple[Rows, Rows]:
        strata = self._strata(targets[np.unique(kept)])
        return held_out(kept, strata, self.validation_fraction, self._seeds[0])
