"""What every registered predictor keeps, ours and a stranger's; the list is the entry points'."""

from __future__ import annotations

import copy
import inspect
from importlib.metadata import entry_points

import pytest
import torch
from predictions import CLASSES, labels, mlp, rows, training
from torch import Tensor

from mixup_multi import door
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import LOSSES, Sigmoid, Softmax
from mixup_multi.points import HasPoints, Staged
from mixup_multi.predict import Predictor, as_model

GROUP = "mixup_multi.predictors"
NAMES = sorted({point.name for point in entry_points(group=GROUP)})
every_predictor = pytest.mark.parametrize("name", NAMES)
every_size = pytest.mark.parametrize("n", [1, 2, 7])
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


def test_the_papers_predictors_are_registered():
    assert {"plain", "mi_pl", "mi_ol", "mi_combined"} <= set(NAMES)


@every_predictor
@every_size
def test_it_predicts_distributions_and_the_seed_decides(name, n):
    predictor, net, x = build(name).fit(training()), mlp(), rows(n)
    predictor.check(net)
    state = torch.get_rng_state()
    p, again = (predictor.probabilities(net, x, 1, Softmax()) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(p, again)
    assert p.shape == (n, CLASSES)
    assert (p >= 0).all()
    torch.testing.assert_close(p.sum(1), torch.ones(n, dtype=p.dtype))
    assert not p.requires_grad


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
def test_it_predicts_one_column(name):
    targets = (labels() > 0)[:, None].double()
    predictor = build(name).fit(training(targets=targets))
    p = predictor.probabilities(mlp(1), rows(4), 1, Sigmoid())
    assert p.shape == (4, 1)
    assert ((p >= 0) & (p <= 1)).all()


@every_predictor
@pytest.mark.parametrize("mode", [True, False])
def test_nothing_of_the_model_the_inputs_or_the_settings_changes(name, mode):
    predictor, net, x = (
        build(name, **({"chunk": 3} if "chunk" in settings_of(name) else {})),
        mlp(),
        rows(5),
    )
    predictor = predictor.fit(training())
    net.train(mode)
    net.stages["hidden"].train(not mode)
    state, inputs, settings = copy.deepcopy(net.state_dict()), x.clone(), repr(predictor)
    modes = [module.training for module in net.modules()]
    predictor.probabilities(net, x, 1, Softmax())
    z = x.clone().requires_grad_()
    torch.autograd.grad(as_model(predictor, net, 1, Softmax())(z).square().sum(), z)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(state[key], value) for key, value in net.state_dict().items())
    assert all(weight.grad is None for weight in net.parameters())
    assert torch.equal(x, inputs)
    assert repr(predictor) == settings


@every_predictor
def test_the_mode_of_the_model_does_not_matter(name):
    predictor, net = build(name).fit(training()), mlp()
    p = [predictor.probabilities(net.train(mode), rows(4), 1, Softmax()) for mode in (True, False)]
    assert torch.equal(*p)


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


@every_predictor
def test_it_can_be_moved(name):
    predictor = build(name).fit(training())
    p = predictor.to("cpu").probabilities(mlp(), rows(4), 1, Softmax())
    assert torch.equal(p, predictor.probabilities(mlp(), rows(4), 1, Softmax()))


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
