"""The classifier as scikit-learn's users meet it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixup_multi import ERM
from mixup_multi.errors import SettingError
from mixup_multi.sklearn import MixupClassifier
from mixup_multi.sklearn.rows import canonical_order

QUICK = {"epochs": 60, "batch_size": 32, "learning_rate": 0.01, "hidden_layer_sizes": (16,)}
CHECKS = list(estimator_checks_generator(MixupClassifier(**QUICK), legacy=True))
X, Y = load_iris(return_X_y=True)
NAMES = load_iris().target_names[Y]


@pytest.mark.parametrize(
    "number", range(len(CHECKS)), ids=lambda n: str(CHECKS[n][1].func.__name__)
)
def test_scikit_learns_checks(number: int) -> None:
    estimator, check = CHECKS[number]
    check(clone(estimator))


def test_names_pipelines_searches_and_pandas() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = make_pipeline(PolynomialFeatures(), MixupClassifier("mixup", random_state=0, **QUICK))
    assert set(model.fit(frame, NAMES).predict(frame)) == set(NAMES)
    assert model.score(frame, NAMES) > 0.95
    assert cross_val_score(model, frame, NAMES, cv=3).mean() > 0.9
    quick = MixupClassifier(random_state=0, **{**QUICK, "epochs": 5})
    grid = {"method": ["erm", "mixupe"], "method_settings": [{"loss": "softmax"}]}
    search = GridSearchCV(quick, grid, cv=2).fit(frame, NAMES)
    assert search.best_params_["method"] in grid["method"]
    assert list(search.best_estimator_.feature_names_in_) == ["a", "b", "c", "d"]


def test_a_method_is_that_of_the_engine_and_of_its_settings() -> None:
    def proba(method: object, **settings: object) -> np.ndarray:
        model = MixupClassifier(method, method_settings=settings, random_state=3, **QUICK)
        return model.fit(X, Y).predict_proba(X)

    assert np.array_equal(proba("mixup", alpha=0.0), proba("erm"))  # alpha -> 0 is ERM
    assert np.array_equal(proba(ERM()), proba("erm"))
    assert not np.allclose(proba("mixup", alpha=1.0), proba("erm"), atol=1e-3)
    with pytest.raises(SettingError, match="'alhpa'; did you mean 'alpha'"):
        proba("mixup", alhpa=1.0)
    with pytest.raises(SettingError, match="did you mean 'mixup'"):
        proba("mixpu")


def test_the_order_of_rows_is_of_no_matter_and_the_global_state_stays() -> None:
    shuffled = np.random.default_rng(0).permutation(len(X))
    state = torch.get_rng_state()
    model = MixupClassifier("mixup", random_state=0, **QUICK)
    first = clone(model).fit(X, Y).predict_proba(X)
    second = clone(model).fit(X[shuffled], Y[shuffled]).predict_proba(X)
    assert np.array_equal(first, second)
    assert torch.equal(state, torch.get_rng_state())


def test_whole_weights_are_repetitions_to_the_bit() -> None:
    weights = np.random.default_rng(1).integers(0, 4, len(X))
    model = MixupClassifier("mixupe", random_state=0, **QUICK)
    weighted = clone(model).fit(X, Y, sample_weight=weights).predict_proba(X)
    repeated = clone(model).fit(np.repeat(X, weights, 0), np.repeat(Y, weights)).predict_proba(X)
    assert np.array_equal(weighted, repeated)
    doubled = clone(model).fit(X, Y, sample_weight=np.full(len(X), 0.5)).predict_proba(X)
    assert np.array_equal(doubled, clone(model).fit(X, Y).predict_proba(X))
    with pytest.raises(ValueError, match="expected numbers >= 0"):
        model.fit(X, Y, sample_weight=-weights)


def test_weights_that_are_held_out_stay_together() -> None:
    """No copy of a row that is learnt from is looked at; copies in X are rows of their own."""
    weights = torch.tensor([3] * 10)
    rows, labels = np.arange(10.0)[:, None], np.arange(10) % 2
    model = MixupClassifier("erm", early_stopping=True, random_state=0, **{**QUICK, "epochs": 2})
    model.set_params(validation_fraction=0.3)
    model.fit(rows, labels, sample_weight=weights.numpy())
    kept = np.repeat(np.arange(10), 3)
    learnt, held = model._held_out(kept, torch.from_numpy(labels))
    assert not set(learnt) & set(held)
    assert len(held) % 3 == len(learnt) % 3 == 0


@pytest.mark.parametrize("loss", ["sigmoid", "squared"])
def test_a_loss_whose_answers_are_no_distribution_is_refused(loss: str) -> None:
    """Else predict_proba would be the softmax of what was trained as something else."""
    model = MixupClassifier("mixup", method_settings={"loss": loss}, **QUICK)
    with pytest.raises(SettingError, match='expected loss "softmax"'):
        model.fit(X, Y)


def test_batches_of_one_row_are_not_normalised() -> None:
    model = MixupClassifier("erm", batch_norm=True, random_state=0, **{**QUICK, "epochs": 2})
    with pytest.raises(ValueError, match="batches are of one row .* batch_norm=False"):
        clone(model).partial_fit(X[:1], Y[:1], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="batches are of one row"):
        clone(model).set_params(batch_size=1).fit(X, Y)
    assert clone(model).partial_fit(X[49:51], Y[49:51], classes=[0, 1, 2]).n_iter_ == 1


def test_several_trials_are_an_ensemble_trained_side_by_side() -> None:
    many = MixupClassifier("mixup", n_trials=3, random_state=0, **QUICK).fit(X, Y)
    seeds = np.random.RandomState(0).randint(2**31 - 1, size=3)
    assert many._seeds == seeds.tolist()
    assert len(many._states) == 3
    proba = many.predict_proba(X)
    np.testing.assert_allclose(proba.sum(1), 1)
    alone = MixupClassifier("mixup", n_trials=1, random_state=0, **QUICK).fit(X, Y)
    inputs = torch.from_numpy(many._scaled(X))
    first = many._states[0].model(inputs).softmax(1).detach().numpy()
    np.testing.assert_allclose(first, alone.predict_proba(X), atol=1e-3)


def test_going_on_is_training_on() -> None:
    quick = {**QUICK, "epochs": 5}
    model = MixupClassifier("erm", warm_start=True, random_state=0, **quick).fit(X, Y)
    assert model.n_iter_ == 5
    assert model.fit(X, Y).n_iter_ == 10
    whole = MixupClassifier("erm", random_state=0, **{**quick, "epochs": 10}).fit(X, Y)
    assert np.array_equal(whole.predict_proba(X), model.predict_proba(X))
    steps = MixupClassifier("erm", random_state=0, **quick)
    for _ in range(10):
        steps.partial_fit(X, Y, classes=[0, 1, 2])
    assert np.array_equal(whole.predict_proba(X), steps.predict_proba(X))
    with pytest.raises(ValueError, match=r"labels \[7\]: expected those of"):
        steps.partial_fit(X[:2], [7, 0])


def test_early_stopping_keeps_the_best_epoch() -> None:
    digits, labels = load_digits(return_X_y=True)
    part, rest, y_part, y_rest = train_test_split(digits, labels, train_size=400, random_state=0)
    model = MixupClassifier(
        "erm", epochs=300, learning_rate=0.02, early_stopping=True, n_iter_no_change=4,
        validation_fraction=0.25, random_state=0,
    ).fit(part, y_part)  # fmt: skip
    losses = [record["validation_loss"] for record in model._states[0].history]
    assert model.n_iter_ < 300
    targets = torch.from_numpy(y_part)
    _, held = model._held_out(canonical_order(part, targets), targets)
    chosen = model.predict_proba(part)[held, y_part[held]]
    assert -np.log(chosen).mean() == pytest.approx(min(losses), rel=1e-4)  # the best epoch's
    assert model.score(rest, y_rest) > 0.85


def test_a_fitted_model_can_be_kept() -> None:
    model = MixupClassifier(random_state=0, **QUICK).fit(X, NAMES)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.n_iter_ == QUICK["epochs"]
