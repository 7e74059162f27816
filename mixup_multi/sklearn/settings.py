"""What the estimators' settings may be, and which of them trained networks depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from mixup_multi import door
from mixup_multi.objectives.objective import Objective

_COUNT = Interval(Integral, 1, None, closed="left")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")

CONSTRAINTS: Mapping[str, Sequence[Any]] = {
    "method": [str, Objective],
    "method_settings": [Mapping, None],
    "hidden_layer_sizes": [_COUNT, "array-like"],
    "activation": [StrOptions({"relu", "tanh", "gelu"})],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "batch_norm": ["boolean"],
    "epochs": [_COUNT],
    "batch_size": [_COUNT],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "optimizer": [StrOptions({"adam", "adamw", "sgd"})],
    "weight_decay": [_NOT_NEGATIVE],
    "n_trials": [_COUNT],
    "scale": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [_COUNT],
    "tol": [_NOT_NEGATIVE],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "device": [str],
}
"""As scikit-learn declares its own estimators' settings, for its own messages."""

BUILT = ("activation", "dropout", "batch_norm", "optimizer", "weight_decay", "n_trials", "scale")
"""What networks are built with, beside their widths: it cannot change while they are trained on."""


def widths_of(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Return the units of each hidden layer; a single number is a single layer.

    Raises:
        ValueError: there is no layer, or a size is no whole number from 1.
    """
    single = isinstance(hidden_layer_sizes, Integral)
    sizes = (hidden_layer_sizes,) if single else tuple(hidden_layer_sizes)
    if not sizes or not all(_COUNT.is_satisfied_by(size) for size in sizes):
        raise ValueError(
            f"hidden_layer_sizes is {hidden_layer_sizes!r}: expected whole numbers from 1, one a"
            " hidden layer, e.g. (128, 128)"
        )
    return tuple(int(size) for size in sizes)


def objective_of(
    method: str | Objective, settings: Mapping[str, Any] | None, loss: str
) -> Objective:
    """Return the objective called `method`, with its settings, or `method` where it is one.

    Raises:
        SettingError: there is none of that name, or a setting of it is unknown or out of range.
        ValueError: there are settings beside an objective, which has its own.
    """
    if isinstance(method, Objective):
        if settings:
            raise ValueError(
                f"method_settings is {settings!r} beside an objective: expected None. Give them to"
                f" {type(method).__name__}, or give the method by its name"
            )
        return method
    given = {"loss": loss, **(settings or {})}
    resolved = door.check_settings(door.load_objective(method), given)
    objective: Objective = door.build_objective({"name": method, **resolved})
    return objective


def built_with(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of an estimator's settings that its networks are built with."""
    widths = widths_of(settings["hidden_layer_sizes"])
    return {"hidden_layer_sizes": widths, **{name: settings[name] for name in BUILT}}


def check_unchanged(now: Mapping[str, Any], first: Mapping[str, Any]) -> None:
    """Raise `ValueError` where networks were built with other settings than they are `now`."""
    for name, value in now.items():
        if value != first[name]:
            raise ValueError(
                f"{name} is {value!r}: expected {first[name]!r}, with which the networks that are"
                " trained on were built. Set it back, or call fit with warm_start=False for new"
                " ones"
            )
