"""scikit-learn's classifiers as models: theirs to the bit, and no more than that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import invoke
from sklearn.ensemble import RandomForestClassifier

from mixup_multi import door
from mixup_multi.attacks import Attack
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives.losses import Softmax
from mixup_multi.points import run_edited

ADAPTER = door.load_adapter("tabular")
NAMES = ("logistic_regression", "random_forest", "gradient_boosting")


@pytest.fixture(scope="module")
def data() -> Data:
    return ADAPTER.datasets["sklearn_iris"].load(Path(), Trial())


def rows(part) -> Batch:
    return part.gather(torch.arange(len(part)))


def test_it_is_scikit_learns_own_forest(data: Data) -> None:
    torch.manual_seed(7)
    model = ADAPTER.models["random_forest"](data, trees=20).eval()
    train, test = rows(data.train), rows(data.test)
    own = RandomForestClassifier(20, random_state=7)
    own.fit(train.inputs.numpy(), train.targets.argmax(1).numpy())
    expected = own.predict_proba(test.inputs.numpy())
    np.testing.assert_allclose(model(test.inputs).exp().numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_loop_moves_only_the_bias_which_no_prediction_reads(data: Data, name: str) -> None:
    torch.manual_seed(0)
    model = ADAPTER.models[name](data)
    batch = rows(data.test)
    before = model.eval()(batch.inputs)
    loss = Softmax().value(model.train()(batch.inputs), batch.targets).mean()
    loss.backward()
    assert [parameter.shape for parameter in model.parameters()] == [(3,)]
    with torch.no_grad():
        model.bias += 1
    assert torch.equal(model.eval()(batch.inputs), before)
    assert (before.argmax(1) == batch.targets.argmax(1)).float().mean() > 0.85


def test_points_are_kept_and_gradients_refused(data: Data) -> None:
    model = ADAPTER.models["logistic_regression"](data).eval()
    batch = rows(data.test)
    moved = run_edited(model, batch.inputs, {"input": lambda x: x + 1})
    assert torch.equal(moved, model(batch.inputs + 1))
    with pytest.raises(PointError, match="'hidden1'"):
        run_edited(model, batch.inputs, {"hidden1": lambda x: x})
    with pytest.raises(SettingError, match="no gradients: expected a network"):
        Attack(0.1, 0.1).perturb(model, batch, Bounds(torch.ones(4)), 0, Softmax())
    embedded = ADAPTER.datasets["sklearn_iris"].load(Path(), Trial())
    embedded = type(embedded)(**{**vars(embedded), "facts": {"width": 1, "cardinalities": (3,)}})
    with pytest.raises(SettingError, match="categorical: onehot"):
        ADAPTER.models["random_forest"](embedded)


def test_an_evaluation_meets_the_forest_that_was_tested(tmp_path: Path) -> None:
    (tmp_path / "forest.yaml").write_text(
        "title: forest\nadapter: tabular\ndatasets: [{name: sklearn_iris, test: 0.5}]\n"
        "models: [{name: random_forest, trees: 2}]\nmethods: [erm]\ntrain: {epochs: 1}\n"
        "trials: 3\nevaluate: [{name: error, label: again}]\n"
    )
    done = invoke("run", tmp_path / "forest.yaml", "--out", tmp_path / "out")
    assert done.code == 0, done.out + done.err
    errors = [line.split("test error ")[1].split(" %")[0] for line in done.out.splitlines()[:3]]
    again = [line.split("again ")[1].split(" %")[0] for line in done.out.splitlines()[3:6]]
    assert errors == again
