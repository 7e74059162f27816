"""The ridge probe against scikit-learn's, and leaving rows out one at a time against doing so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.testing import assert_close
from trained import labels, rows, toy, trained

from mixup_multi.batch import as_targets
from mixup_multi.errors import PointError, SettingError
from mixup_multi.evaluations import LinearProbe
from mixup_multi.evaluations.linear_probe import PENALTIES, fit_probe
from mixup_multi.points import Staged

N = 50
Y = labels(N, 3)
TARGETS = as_targets(Y, 3, torch.float64)
SIGNS = 2 * TARGETS - 1
X = rows(N, 6) * torch.tensor([1.0, 20, 0.1, 3, 1, 1]) + 4
X[:, :3] += 2 * TARGETS
SCALED = StandardScaler().fit_transform(X.numpy())


def left_out(penalty: float) -> float:
    """Return the mean squared error of rows that were left out, one fit a row."""
    signs, errors = SIGNS.numpy(), []
    for row in range(N):
        rest = np.arange(N) != row
        fitted = Ridge(alpha=N * penalty).fit(SCALED[rest], signs[rest])
        errors.append((fitted.predict(SCALED[[row]])[0] - signs[row]) ** 2)
    return float(np.mean(errors))


@pytest.mark.parametrize("penalty", [1e-4, 0.1, 10.0])
@pytest.mark.parametrize("features", [X, torch.cat([X, rows(N, 100, seed=5)], 1)])
def test_it_is_scikit_learns_ridge(penalty: float, features: Tensor) -> None:
    probe = fit_probe(features, SIGNS, (penalty,))
    scaler = StandardScaler().fit(features.numpy())
    oracle = Ridge(alpha=N * penalty, solver="svd").fit(
        scaler.transform(features.numpy()), SIGNS.numpy()
    )
    fresh = torch.cat([rows(20, 6, seed=8) + 4, rows(20, features.shape[1] - 6, seed=9)], 1)
    assert_close(probe(fresh).numpy(), oracle.predict(scaler.transform(fresh.numpy())))
    classifier = RidgeClassifier(alpha=N * penalty, solver="svd").fit(
        scaler.transform(features.numpy()), Y.numpy()
    )
    said = classifier.predict(scaler.transform(fresh.numpy()))
    assert probe(fresh).argmax(1).tolist() == said.tolist()


def test_the_penalty_with_the_least_left_out_error_is_chosen() -> None:
    errors = {penalty: left_out(penalty) for penalty in PENALTIES}
    chosen = fit_probe(X, SIGNS, PENALTIES).penalty
    assert errors[chosen] == min(errors.values())
    assert errors[PENALTIES[0]] > errors[chosen] < errors[PENALTIES[-1]]


def test_constant_columns_and_columns_of_another_scale_do_not_matter() -> None:
    probe = fit_probe(X, SIGNS, (0.1,))
    more = torch.cat([X * 1000, torch.full((N, 2), 3.7, dtype=torch.float64)], 1)
    same = fit_probe(more, SIGNS, (0.1,))
    assert_close(same(more), probe(X))


def test_it_reads_off_what_a_line_divides_and_no_more() -> None:
    """Two classes inside and outside of a ring: a line fails at the input, not behind a square."""

    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x**2

    x = rows(400, 2)
    inside = (x.norm(dim=1) < 1.1).long()
    model = Staged({"input": Square(), "squares": nn.Linear(2, 2)}).double()
    subject = toy(model, x, inside, 2)
    measured = LinearProbe(rows=None).measure(subject)
    assert next(iter(measured.values)) == "error squares"
    assert measured.values["error squares"] < 15
    assert measured.values["error input"] > 35
    curve = measured.curves["error"]
    assert curve.x_label == "point (0: input, 1: squares)"
    assert curve.y == (measured.values["error input"], measured.values["error squares"])
    binary = toy(model, x, inside[:, None].double(), 1)
    again = LinearProbe(rows=None).measure(binary).values
    assert again["error squares"] == pytest.approx(measured.values["error squares"])


def test_a_given_penalty_is_used() -> None:
    measured = LinearProbe(points=("input",), penalty=0.5, rows=40).measure(trained("tabular"))
    assert measured.values["penalty input"] == 0.5
    assert measured.values["rows"] == 30
    assert measured.values["error input"] < 30


def test_what_cannot_be_asked_is_refused() -> None:
    for wrong in (0.0, -1.0, float("inf")):
        with pytest.raises(SettingError, match="expected a number > 0"):
            LinearProbe(penalty=wrong)
    with pytest.raises(PointError, match="'hiden1'"):
        LinearProbe(points=("hiden1",)).check(trained("tabular"))
