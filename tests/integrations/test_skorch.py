"""skorch: erm is its plain net bit for bit, and a method is a component like the optimiser."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Checkpoint, EpochScoring
from torch import Tensor, nn

from mixup_multi import staged
from mixup_multi.errors import MixupMultiError, SettingError
from mixup_multi.integrations import Method
from mixup_multi.integrations.skorch import MixedLoss, MixedNetClassifier

CLASSES = 3


class Net(nn.Module):
    """A network with BatchNorm and dropout, so that a superfluous pass is noticed."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(width, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


def _rows(n: int = 48) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    random = np.random.default_rng(4)
    x = random.normal(size=(n, 4)).astype("float32")
    return x, np.arange(n) % CLASSES


SETTINGS: dict[str, Any] = {
    "max_epochs": 3,
    "batch_size": 16,
    "lr": 0.1,
    "verbose": 0,
    "train_split": None,
}


def _fit(net: Any, partial: int = 0) -> Any:
    torch.manual_seed(8)
    if not partial:
        return net.fit(*_rows())
    for _ in range(partial):
        net.partial_fit(*_rows())
    return net


def _mixed(**settings: Any) -> MixedNetClassifier:
    return MixedNetClassifier(Net, **{"method": "mixupe", **SETTINGS, **settings})


def _same(first: Any, second: Any) -> None:
    one, other = first.module_.state_dict(), second.module_.state_dict()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("settings", [{"method": "erm"}, {"method": "mixup", "method__alpha": 0.0}])
def test_without_mixing_it_is_skorchs_own_training(settings: dict[str, Any]) -> None:
    plain = _fit(NeuralNetClassifier(Net, criterion=nn.CrossEntropyLoss, **SETTINGS))
    mixed = _fit(_mixed(**settings))
    _same(plain, mixed)
    for ours, theirs in zip(mixed.history, plain.history, strict=True):
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-6)


@pytest.mark.parametrize("at", [(), ("head",)])
def test_a_fit_is_the_plain_loop_bit_for_bit(at: tuple[str, ...]) -> None:
    points = {"method__points": list(at)} if at else {}
    net = _fit(_mixed(method__alpha=0.4, method__seed=3, at=at, **points))

    torch.manual_seed(8)
    module = Net()
    method = Method(
        "mixupe", classes=CLASSES, alpha=0.4, seed=3, **({"points": list(at)} if at else {})
    )
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    x, y = map(torch.from_numpy, _rows())
    for _ in range(3):
        torch.empty((), dtype=torch.int64).random_()  # what a DataLoader draws, its base seed
        for rows in torch.arange(48).split(16):
            optimizer.zero_grad()
            method(staged(module, at), x[rows], y[rows]).backward()
            optimizer.step()
    for name, value in module.state_dict().items():
        assert torch.equal(value, net.module_.state_dict()[name]), name


def test_the_history_has_what_the_method_computes() -> None:
    net = _fit(_mixed(method__alpha=0.4))
    last = net.history[-1]
    names = {"train_loss", "train_error", "train_regulariser", "train_mixed_loss", "train_etahat"}
    assert names <= last.keys()
    assert 0 < last["train_etahat"] <= 1
    assert last["train_loss"] == pytest.approx(last["train_mixed_loss"], rel=1e-5)


def test_validation_is_not_mixed() -> None:
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    held = Dataset(*_rows())
    net = _fit(_mixed(train_split=predefined_split(held)))
    logits = net.forward(_rows()[0])
    expected = nn.functional.cross_entropy(logits, torch.from_numpy(_rows()[1]))
    assert net.history[-1]["valid_loss"] == pytest.approx(expected.item(), rel=1e-5)


def test_it_can_be_cloned_searched_and_put_into_a_pipeline() -> None:
    pipeline = make_pipeline(StandardScaler(), _mixed(method="mixup", method__alpha=0.2))
    grid = {"mixednetclassifier__method__alpha": [0.0, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2, refit=True).fit(*_rows())
    best = search.best_estimator_[-1]
    assert best.method_.objective.share.alpha == search.best_params_[next(iter(grid))]
    assert search.predict(_rows()[0]).shape == (48,)
    copied = clone(best)
    assert copied.get_params()["method__alpha"] == best.method__alpha
    assert not copied.initialized_


def test_settings_that_change_make_the_method_anew_and_leave_the_network() -> None:
    net = _fit(_mixed(method__alpha=0.4))
    before = copy.deepcopy(net.module_.state_dict())
    net.set_params(method__alpha=1.0, lr=0.05)
    assert net.method_.objective.inner.share.alpha == 1.0
    for name, value in net.module_.state_dict().items():
        assert torch.equal(value, before[name])
    net.set_params(method="cutmix")
    with pytest.raises(MixupMultiError, match="CutMix"):
        net.partial_fit(*_rows())


def test_partial_fit_goes_on_with_the_draws() -> None:
    whole = _fit(_mixed(max_epochs=2))
    parts = _fit(_mixed(max_epochs=1), partial=2)
    assert torch.equal(
        whole.method_.state_dict()["generator"], parts.method_.state_dict()["generator"]
    )


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "params"])
def test_a_net_that_was_saved_goes_on_bit_for_bit(way: str, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("f_params", "f_optimizer", "f_method", "f_history")}
    # skorch's log holds `print`, for which Ray puts another one, if it has run here before.
    quiet: dict[str, Any] = {"max_epochs": 1, "callbacks__print_log": None}
    whole = _fit(_mixed(**quiet))
    if way == "pickle":
        again = pickle.loads(pickle.dumps(whole))
    elif way == "deepcopy":
        again = copy.deepcopy(whole)
    else:
        whole.save_params(**files)
        again = _mixed(**quiet).initialize()
        again.load_params(**files)
    for net in (whole, again):
        _fit(net, partial=1)
    _same(whole, again)
    assert len(again.history) == 2


def test_a_checkpoint_has_the_draws(tmp_path: Path) -> None:
    kept = Checkpoint(monitor=None, dirname=tmp_path, f_method="method.pt")
    net = _fit(_mixed(callbacks=[("kept", kept)]))
    again = _mixed().initialize()
    again.load_params(f_method=tmp_path / "method.pt")
    assert torch.equal(
        again.method_.state_dict()["generator"], net.method_.state_dict()["generator"]
    )


def test_a_fold_that_lacks_a_class_has_the_models_columns() -> None:
    x, y = _rows()
    net = _mixed(method="mixup").fit(x[y < 2], y[y < 2])
    assert net.method_.classes == CLASSES


def test_inputs_by_name_are_mixed_together() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            return self.net(torch.cat([left, right], 1))

    x, _ = _rows()
    _, y = _rows()
    torch.manual_seed(8)
    named = MixedNetClassifier(Two, method="mixup", **SETTINGS)
    named.fit({"left": x[:, :2], "right": x[:, 2:]}, y)
    whole = _fit(_mixed(method="mixup"))
    for name, value in whole.module_.state_dict().items():
        assert torch.equal(value, named.module_.net.state_dict()[name])


def test_any_net_of_skorch_can_take_the_mixin() -> None:
    class MixedRegressor(MixedLoss, NeuralNetRegressor):
        pass

    x, _ = _rows()
    net = MixedRegressor(
        nn.Linear,
        module__in_features=4,
        module__out_features=1,
        method="c_mixup",
        method__loss="squared",
        **SETTINGS,
    )
    net.fit(x, x[:, :1] * 2)
    assert net.history[-1]["train_loss"] < net.history[0]["train_loss"]


class TestErrors:
    def test_of_modules_that_return_probabilities(self) -> None:
        with pytest.raises(SettingError, match="CrossEntropyLoss"):
            _mixed(criterion=nn.NLLLoss).initialize()

    def test_of_unknown_settings(self) -> None:
        with pytest.raises(MixupMultiError, match="alpah"):
            _mixed(method__alpah=1.0).initialize()
        with pytest.raises(ValueError, match="method__alpha"):
            _mixed(method_alpha=1.0).initialize()

    def test_of_scoring_mixed_rows(self) -> None:
        scoring = EpochScoring("accuracy", on_train=True, name="train_acc")
        with pytest.raises(SettingError, match=r"use_caching=False"):
            _mixed(callbacks=[("acc", scoring)]).initialize()
        honest = EpochScoring("accuracy", on_train=True, name="train_acc", use_caching=False)
        net = _fit(_mixed(callbacks=[("acc", honest)]))
        assert net.history[-1]["train_acc"] == pytest.approx(net.score(*_rows()))

    def test_of_a_mixin_of_skorch_that_would_not_mix(self) -> None:
        from skorch.hf import AccelerateMixin

        with pytest.raises(SettingError, match=r"AccelerateMixin stands before .*Wrong\(MixedLoss"):

            class Wrong(AccelerateMixin, MixedNetClassifier):
                pass

    def test_of_the_mixin_behind_the_net(self) -> None:
        with pytest.raises(SettingError, match=r"NeuralNet stands before .*Last\(MixedLoss, "):

            class Last(NeuralNetClassifier, MixedLoss):
                pass

    def test_of_a_training_step_that_never_mixes(self) -> None:
        class Own(MixedNetClassifier):
            def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
                return NeuralNetClassifier.train_step_single(self, batch, **fit_params)

        with pytest.raises(SettingError, match=r"your train_step_single never called"):
            _fit(Own(Net, method="mixup", **SETTINGS))

    def test_of_points_of_a_module_with_several_arguments(self) -> None:
        net = _mixed(at=("head",)).initialize()
        with pytest.raises(SettingError, match="several arguments"):
            net.mixed_loss({"left": _rows()[0]}, _rows()[1])


def test_accelerate_trains_as_without(tmp_path: Path) -> None:
    from accelerate import Accelerator
    from skorch.hf import AccelerateMixin

    class Accelerated(MixedLoss, AccelerateMixin, NeuralNetClassifier):
        pass

    settings = {**SETTINGS, "criterion": nn.CrossEntropyLoss, "method": "mixupe"}
    accelerator = Accelerator(cpu=True)
    net = Accelerated(Net, accelerator=accelerator, device=None, **settings)
    _same(_fit(net), _fit(_mixed()))


@pytest.mark.parametrize("at", [(), ("0",)])
def test_a_binary_net_may_return_one_number_a_row(at: tuple[str, ...]) -> None:
    """As skorch's own binary classifier: `(n,)` trains as `(n, 1)` does."""

    class MixedBinary(MixedLoss, NeuralNetBinaryClassifier):
        pass

    X = np.random.default_rng(0).standard_normal((20, 4)).astype("float32")
    y = (X[:, 0] > 0).astype("float32")
    weights = []
    for end in ((), (nn.Flatten(0),)):
        torch.manual_seed(0)
        net = MixedBinary(
            nn.Sequential(nn.Linear(4, 1), *end), method="mixupe", method__loss="sigmoid", at=at,
            max_epochs=2, train_split=None, verbose=0,
        )  # fmt: skip
        weights.append(net.fit(X, y).module_[0].weight)
    assert torch.equal(*weights)
