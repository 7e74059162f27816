"""The temperature of the least NLL: stationary, recovered where it is known, bounded elsewhere."""

from __future__ import annotations

import pytest
import torch
from drawn_logits import drawn, sampled
from scipy.optimize import minimize_scalar
from torch import Tensor

from mixup_multi.errors import SettingError
from mixup_multi.metrics import LIMITS, confidences, fitted_temperature, mean, scores
from mixup_multi.metrics.rows import Kind


def nll(logits: Tensor, targets: Tensor, kind: Kind, temperature: float) -> float:
    return float(mean(scores(logits, targets, kind, temperature).nll))


def labels_of(targets: Tensor) -> Tensor:
    """Return targets in (0, 1) that do not sum to 1."""
    return (targets + 0.3 * targets.roll(1, 1)).clamp(0.05, 0.95)


@pytest.mark.parametrize("kind", ["classes", "labels"])
@pytest.mark.parametrize("seed", range(4))
def test_the_slope_is_0_there_and_scipy_finds_no_better(kind: Kind, seed: int) -> None:
    logits, targets = drawn(200, 4, seed=seed)
    if kind == "labels":
        targets = labels_of(targets)
    found = fitted_temperature(logits, targets, kind)
    beta = torch.tensor(1 / found, dtype=torch.float64, requires_grad=True)
    if kind == "classes":
        value = -(targets * (beta * logits).log_softmax(1)).sum(1).mean()
    else:
        each = torch.nn.functional.binary_cross_entropy_with_logits(
            beta * logits, targets, reduction="none"
        )
        value = each.sum(1).mean()
    (slope,) = torch.autograd.grad(value, beta)
    assert abs(float(slope)) < 1e-10
    best = minimize_scalar(
        lambda t: nll(logits, targets, kind, t), bounds=(0.05, 20), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    assert found == pytest.approx(best.x, rel=1e-5)


def test_soft_targets_are_fitted_too() -> None:
    logits, _ = drawn(300, 5)
    assert fitted_temperature(3 * logits, logits.softmax(1)) == pytest.approx(3, rel=1e-10)


def test_calibrated_logits_stay_and_scaled_ones_come_back() -> None:
    logits, targets = sampled(100_000, 4)
    plain = fitted_temperature(logits, targets)
    assert plain == pytest.approx(1, abs=0.02)
    for scale in (0.2, 2.5, 10.0):
        assert fitted_temperature(scale * logits, targets) == pytest.approx(scale * plain)


def test_no_prediction_changes() -> None:
    logits, targets = drawn(500, 6)
    found = fitted_temperature(logits, targets)
    assert found == pytest.approx(1.7, rel=0.2)
    assert torch.equal(confidences(logits, targets)[1], confidences(logits, targets, found)[1])
    assert nll(logits, targets, "classes", found) < nll(logits, targets, "classes", 1.0)


def test_where_no_temperature_is_best() -> None:
    eye = torch.eye(3, dtype=torch.float64)
    assert fitted_temperature(torch.zeros(3, 3), eye) == 1  # constant: all are alike
    assert fitted_temperature(0.01 * eye, eye) == LIMITS[0]  # right: the surer the better
    assert fitted_temperature(eye, eye.roll(1, 1)) == LIMITS[1]  # wrong: the less sure the better
    assert fitted_temperature(1e6 * eye, eye) == 1  # so sure and right that nothing is left
    assert fitted_temperature(torch.randn(5, 1), torch.ones(5, 1)) == 1  # one class


def test_infinite_logits_are_refused() -> None:
    with pytest.raises(SettingError, match="infinite"):
        fitted_temperature(torch.tensor([[0.0, -torch.inf]]), torch.tensor([[1.0, 0.0]]))
