"""What the estimators say of settings that cannot be used, and what they make of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from mixup_multi import ERM
from mixup_multi.sklearn import MixupClassifier, MixupRegressor
from mixup_multi.sklearn.scaling import Scaling
from mixup_multi.sklearn.training import as_data

X, Y = load_iris(return_X_y=True)
QUICK = {"epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
BAD = {
    "method": 3,
    "method_settings": "alpha",
    "hidden_layer_sizes": (8, 0),
    "activation": "foo",
    "dropout": 1.0,
    "batch_norm": "yes",
    "epochs": 0,
    "batch_size": 0,
    "learning_rate": -1,
    "optimizer": "foo",
    "weight_decay": -1.0,
    "n_trials": 0,
    "scale": "no",
    "validation_fraction": 1.0,
    "n_iter_no_change": 0,
    "tol": -1.0,
    "random_state": "foo",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_a_bad_value_is_named_with_its_setting(kind: type, name: str) -> None:
    model = kind(**{**QUICK, name: BAD[name]})
    with pytest.raises(ValueError, match=rf"{name}\b.*(must be|expected)") as caught:
        model.fit(X, Y)
    assert repr(BAD[name]) in str(caught.value)


def test_settings_of_the_method_are_parameters_of_their_own() -> None:
    given = {"alpha": 0.4, "eta": 0.3}
    model = MixupClassifier("mixupe", method_settings=given, **QUICK)
    assert model.get_params()["method__alpha"] == 0.4
    assert "method__alpha" not in model.get_params(deep=False)
    twin = clone(model).set_params(method__alpha=1.0, epochs=3)
    assert (twin.method_settings, twin.epochs) == ({"alpha": 1.0, "eta": 0.3}, 3)
    assert model.method_settings == given == {"alpha": 0.4, "eta": 0.3}
    both = clone(model).set_params(method__alpha=0.1, method_settings={"eta": 0.5})
    assert both.method_settings == {"eta": 0.5, "alpha": 0.1}
    assert clone(model).set_params(**model.get_params()).get_params() == model.get_params()


def test_a_search_over_a_setting_of_the_method_trains_as_with_it() -> None:
    pipeline = make_pipeline(MixupClassifier("mixup", **QUICK))
    grid = {"mixupclassifier__method__alpha": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, Y)
    alpha = search.best_params_["mixupclassifier__method__alpha"]
    plain = MixupClassifier("mixup", method_settings={"alpha": alpha}, **QUICK).fit(X, Y)
    assert np.array_equal(search.predict_proba(X), plain.predict_proba(X))


def test_a_setting_that_the_method_does_not_have_is_named_with_the_nearest() -> None:
    model = MixupClassifier("mixup", **QUICK).set_params(method__alpa=0.1)
    with pytest.raises(ValueError, match="unknown setting 'alpa'; did you mean 'alpha'"):
        model.fit(X, Y)


@pytest.mark.parametrize("sizes", [(), (8, 2.5), "ab", [[8, 8]]])
def test_sizes_of_layers_are_whole_numbers(sizes: Any) -> None:
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        MixupClassifier(**{**QUICK, "hidden_layer_sizes": sizes}).fit(X, Y)


def test_numbers_may_be_numpys_and_a_single_size_is_a_single_layer() -> None:
    plain = MixupClassifier("erm", **QUICK).fit(X, Y).predict_proba(X)
    same = {"hidden_layer_sizes": np.int64(8), "epochs": np.int64(2), "n_trials": np.int64(1)}
    rate = {"learning_rate": np.float64(1e-3), "batch_size": np.int32(128)}
    model = MixupClassifier("erm", **{**QUICK, **same, **rate})
    assert np.array_equal(model.fit(X, Y).predict_proba(X), plain)
    assert MixupClassifier("erm", **{**QUICK, "hidden_layer_sizes": np.array([8])}).fit(X, Y)


def test_settings_beside_an_objective_are_refused() -> None:
    model = MixupClassifier(ERM(), method_settings={"alpha": 1.0}, **QUICK)
    with pytest.raises(ValueError, match="method_settings is {'alpha': 1.0} .* expected None"):
        model.fit(X, Y)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("hidden_layer_sizes", (8, 8)),
        ("activation", "tanh"),
        ("dropout", 0.5),
        ("batch_norm", True),
        ("n_trials", 2),
        ("optimizer", "sgd"),
        ("weight_decay", 0.1),
        ("scale", False),
    ],
)
def test_networks_are_trained_on_with_the_settings_they_were_built_with(
    name: str, other: object
) -> None:
    model = MixupClassifier("erm", warm_start=True, **QUICK).fit(X, Y)
    first = (8,) if name == "hidden_layer_sizes" else getattr(model, name)
    model.set_params(**{name: other})
    with pytest.raises(ValueError, match=f"{name} is .*: expected .*warm_start=False") as caught:
        model.fit(X, Y)
    assert repr(first) in str(caught.value)
    with pytest.raises(ValueError, match=f"{name} is "):
        model.partial_fit(X, Y)
    assert model.set_params(warm_start=False).fit(X, Y).n_iter_ == 2


def test_what_may_change_between_fits_may_change() -> None:
    model = MixupClassifier("erm", warm_start=True, **QUICK).fit(X, Y)
    model.set_params(method="mixup", learning_rate=0.1, epochs=3, hidden_layer_sizes=[8])
    assert model.fit(X, Y).n_iter_ == 5


def test_a_constant_column_is_known_by_its_values() -> None:
    columns = np.column_stack([np.full(7, 0.1), np.arange(7.0)])
    assert columns[:, 0].std() > 0  # by rounding
    scaling = Scaling.fit(columns)
    np.testing.assert_array_equal(scaling.centre, [0.1, 3.0])
    np.testing.assert_array_equal(scaling.spread, [1.0, 2.0])
    np.testing.assert_array_equal(scaling.apply(columns)[:, 0], np.zeros(7))
    np.testing.assert_allclose(scaling.undo(scaling.apply(columns)), columns)


def test_a_constant_feature_adds_no_noise() -> None:
    more = np.column_stack([X, np.full(len(X), 0.1)])
    model = MixupClassifier("erm", **QUICK).fit(more, Y)
    assert np.array_equal(model._scaled(more)[:, 4], np.zeros(len(X), dtype=np.float32))


@pytest.mark.parametrize("method", ["adversarial", "trades", "iat"])
@pytest.mark.parametrize("trials", [1, 2])
def test_methods_that_perturb_inputs_know_their_range(method: str, trials: int) -> None:
    settings = {"random_state": 0, "n_trials": trials, "learning_rate": 0.01}
    classifier = MixupClassifier(method, epochs=15, **settings)
    assert classifier.fit(X, Y).score(X, Y) > 0.85
    assert clone(classifier).set_params(scale=False).fit(X, Y).score(X, Y) > 0.85
    rows, numbers = load_diabetes(return_X_y=True)
    assert (
        MixupRegressor(method, epochs=15, **settings).fit(rows, numbers).score(rows, numbers) > 0.3
    )


def test_the_range_is_that_of_the_training_rows() -> None:
    rows = np.array([[-1.0, 5.0, 0.0], [2.0, 5.0, 1.0]], dtype=np.float32)
    data = as_data((rows, torch.tensor([0, 1])), None, ["a", "b"], "softmax", "metres")
    bounds = data.train.bounds
    assert bounds.low.tolist() == [-1, 5, 0]
    assert bounds.high.tolist() == [2, 5, 1]
    assert bounds.unit.tolist() == [1, 0, 1]  # the constant one must not be changed
    assert (bounds.largest, bounds.words) == (3, "metres")
    assert bounds.diameter == pytest.approx(10**0.5)
