"""The regressor as scikit-learn's users meet it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixup_multi.errors import SettingError
from mixup_multi.objectives import Vicinal
from mixup_multi.objectives.losses import Squared
from mixup_multi.sklearn import MixupRegressor

QUICK = {"epochs": 60, "batch_size": 32, "learning_rate": 0.01, "hidden_layer_sizes": (16,)}
CHECKS = list(estimator_checks_generator(MixupRegressor("mixup", **QUICK), legacy=True))
X, Y = load_diabetes(return_X_y=True)


@pytest.mark.parametrize(
    "number", range(len(CHECKS)), ids=lambda n: str(CHECKS[n][1].func.__name__)
)
def test_scikit_learns_checks(number: int) -> None:
    estimator, check = CHECKS[number]
    check(clone(estimator))


@pytest.mark.parametrize("method", ["mixup", "c_mixup"])
def test_methods_learn_numbers(method: str) -> None:
    model = MixupRegressor(method, random_state=0, **{**QUICK, "epochs": 30})
    assert cross_val_score(model, X, Y, cv=3).mean() > 0.3  # R^2


def test_predictions_are_in_the_units_of_the_targets() -> None:
    model = MixupRegressor("erm", random_state=0, **{**QUICK, "epochs": 10})
    said = clone(model).fit(X, Y).predict(X)
    assert said.shape == Y.shape
    assert said.mean() == pytest.approx(Y.mean(), rel=0.1)
    moved = clone(model).fit(X, 1000 * Y - 7).predict(X)
    np.testing.assert_allclose(moved, 1000 * said - 7, rtol=1e-3)


def test_several_outputs_are_learnt_together() -> None:
    both = np.column_stack([Y, -100 * Y + 3])
    model = MixupRegressor("mixup", random_state=0, **QUICK).fit(X, both)
    said = model.predict(X)
    assert said.shape == both.shape
    assert model.score(X, both) > 0.3
    assert np.corrcoef(said.T)[0, 1] < -0.95
    assert MixupRegressor(random_state=0, **QUICK).fit(X, Y[:, None]).predict(X).shape == (442, 1)


def test_whole_weights_are_repetitions_to_the_bit() -> None:
    weights = np.random.default_rng(1).integers(0, 4, len(X))
    far = np.where(weights > 0, Y, 1e6)  # what does not count sets neither centre nor spread
    model = MixupRegressor("mixup", random_state=0, **{**QUICK, "epochs": 5})
    weighted = clone(model).fit(X, far, sample_weight=weights).predict(X)
    repeated = clone(model).fit(np.repeat(X, weights, 0), np.repeat(Y, weights)).predict(X)
    assert np.array_equal(weighted, repeated)
    steps = clone(model).partial_fit(X, far, sample_weight=weights)
    assert steps._target_scaling.centre == pytest.approx(np.average(Y, weights=weights))


def test_rows_held_out_are_not_looked_at() -> None:
    model = MixupRegressor("erm", random_state=0, early_stopping=True, **QUICK).fit(X, Y)
    _, held = train_test_split(np.arange(len(X)), test_size=0.1, random_state=model._seeds[0])
    learnt = np.setdiff1d(np.arange(len(X)), held)
    np.testing.assert_allclose(model._scaling.centre, X[learnt].mean(0), atol=1e-12)
    np.testing.assert_allclose(model._scaling.spread, X[learnt].std(0))
    np.testing.assert_allclose(model._target_scaling.centre, Y[learnt].mean())
    np.testing.assert_allclose(model._target_scaling.spread, Y[learnt].std())


def test_constant_targets_are_predicted() -> None:
    model = MixupRegressor("erm", random_state=0, **{**QUICK, "epochs": 20})
    model.fit(X, np.full(len(X), 0.1))  # its standard deviation is 1e-17 by rounding
    assert model._target_scaling.spread == 1
    np.testing.assert_allclose(model.predict(X), 0.1, atol=0.2)


def test_going_on_takes_the_same_outputs() -> None:
    model = MixupRegressor("erm", warm_start=True, random_state=0, **QUICK).fit(X, Y)
    both = np.column_stack([Y, Y])
    with pytest.raises(ValueError, match="y has 2 outputs: expected 1, .* warm_start=False"):
        model.fit(X, both)
    with pytest.raises(ValueError, match="y has 2 outputs: expected 1"):
        model.partial_fit(X, both)
    assert model.set_params(warm_start=False).fit(X, both).predict(X).shape == both.shape


@pytest.mark.parametrize(
    ("method", "settings"), [(Vicinal(), None), ("mixup", {"loss": "sigmoid"})]
)
def test_losses_that_are_not_of_numbers_are_refused(method, settings) -> None:
    """A softmax over one column is 1, and its loss 0: the networks would stay as they were."""
    model = MixupRegressor(method, method_settings=settings, **QUICK)
    with pytest.raises(SettingError, match="a regressor's targets are numbers"):
        model.fit(X, Y)
    short = {**QUICK, "epochs": 2, "random_state": 0}
    named = MixupRegressor("mixup", **short).fit(X, Y)
    given = MixupRegressor(Vicinal(loss_fn=Squared()), **short).fit(X, Y)
    assert np.array_equal(named.predict(X), given.predict(X))
