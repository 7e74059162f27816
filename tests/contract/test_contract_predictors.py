"""Every registered predictor keeps the contract of `mixup_multi.testing`, and what is ours alone.

The list is the entry points'.
"""

from __future__ import annotations

import inspect
from importlib.metadata import entry_points

import pytest
import torch
from contracts import each_rule, hold
from predictions import mlp, rows, training
from torch import Tensor

from mixup_multi import door
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import LOSSES, Softmax
from mixup_multi.points import HasPoints, Staged
from mixup_multi.predict import Predictor, as_model
from mixup_multi.testing import Rule
from mixup_multi.testing.members import given_as
from mixup_multi.testing.predictors import PredictorCase

GROUP = "mixup_multi.predictors"
NAMES = sorted({point.name for point in entry_points(group=GROUP)})
every_predictor = pytest.mark.parametrize("name", NAMES)
OTHERS = {
    "share": 0.3,
    "share_predicted": 0.3,
    "share_other": 0.3,
    "samples": 2,
    "samples_predicted": 2,
    "samples_other": 2,
    "gap": 0.01,
    "pool": 25,
    "balanced": True,
    "pool_seed": 7,
    "point": "hidden",
    "chunk": 3,
}
"""A value of each setting that is no predictor's default."""


def settings_of(name: str) -> list[str]:
    return list(inspect.signature(door.load(GROUP, name)).parameters)


def build(name: str, **settings) -> Predictor:
    """Return a predictor the way a recipe does."""
    if "pool" in settings_of(name):
        settings = {"pool": 30, **settings}
    resolved = door.check_settings(door.load_maker(GROUP, name), settings)
    made = door.make(GROUP, {"name": name, **resolved})
    assert isinstance(made, Predictor)
    return made


def case_of(name: str) -> PredictorCase:
    """Return a predictor with a pool that the training part of the kit can fill."""
    settings = {"pool": 30} if "pool" in settings_of(name) else {}
    return PredictorCase(given_as(GROUP, name, ("logits",), settings))


@each_rule("predictor", map(case_of, NAMES))
def test_a_predictor_keeps_its_contract(case: PredictorCase, rule: Rule) -> None:
    hold(case, rule)


def test_the_papers_predictors_are_registered():
    assert {"plain", "mi_pl", "mi_ol", "mi_combined"} <= set(NAMES)


@every_predictor
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_it_predicts_with_every_loss(name, loss):
    predictor = build(name).fit(training())
    if LOSSES[loss].target_kind == "numbers":
        if name != "plain":
            with pytest.raises(SettingError, match="predict numbers.*expected classes or labels"):
                predictor.probabilities(mlp(), rows(4), 1, LOSSES[loss])
        return
    p = predictor.probabilities(mlp(), rows(4), 1, LOSSES[loss])
    assert ((p >= 0) & (p <= 1)).all()


@every_predictor
def test_as_a_model_it_has_the_models_points_and_a_finite_gradient(name):
    predictor, net = build(name).fit(training()), mlp()
    seen, x = as_model(predictor, net, 1, Softmax()), rows(4).requires_grad_()
    assert isinstance(seen, HasPoints)
    assert seen.points == net.points
    logits = seen(x)
    p = predictor.probabilities(net, x, 1, Softmax())
    torch.testing.assert_close(logits.softmax(1), p, rtol=0, atol=1e-14)
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), x)
    assert gradient.isfinite().all()
    assert (gradient != 0).any(1).all()


@every_predictor
def test_fitting_returns_another_predictor(name):
    predictor = build(name)
    if "pool" not in settings_of(name):
        assert predictor.fit(training()) == predictor
        return
    predictor.fit(training())
    with pytest.raises(SettingError, match="no pool yet"):
        predictor.probabilities(mlp(), rows(2), 0, Softmax())


@pytest.mark.parametrize(
    ("name", "setting"), [(name, setting) for name in NAMES for setting in settings_of(name)]
)
def test_every_setting_reaches_the_predictor(name, setting):
    assert build(name) == build(name)
    assert build(name, **{setting: OTHERS[setting]}) != build(name)


def test_a_predictor_is_a_setting_of_something_else():
    def evaluation(*, predictor: Predictor | None = None) -> object:
        return predictor

    given = {"predictor": {"name": "mi_pl", "samples": 3}}
    settings = door.check_settings(evaluation, given)
    assert settings["predictor"]["pool"] == 1_000
    assert door.build(evaluation, settings=settings) == door.load(GROUP, "mi_pl")(samples=3)
    with pytest.raises(SettingError, match="'sample'.*did you mean 'samples'"):
        door.check_settings(evaluation, {"predictor": {"name": "mi_pl", "sample": 3}})


def test_a_model_without_points_is_mixed_at_its_input():
    net = mlp()
    plain = torch.nn.Sequential(*net.stages.values())
    assert not isinstance(plain, Staged)
    p = [
        build("mi_ol").fit(training()).probabilities(each, rows(4), 1, Softmax())
        for each in (net, plain)
    ]
    assert isinstance(p[0], Tensor)
    assert torch.equal(*p)
