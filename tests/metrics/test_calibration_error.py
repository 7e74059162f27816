"""Calibration errors, their bins and the reliability diagram, against torchmetrics and by hand."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from drawn_logits import drawn, sampled
from torch import Tensor

from mixup_multi.metrics import (
    binned,
    calibration_error,
    classwise_error,
    confidences,
    probabilities,
    reliability,
)
from mixup_multi.metrics.calibration_error import Norm

oracle = pytest.importorskip("torchmetrics.functional.classification", reason="the oracle")
NORMS: tuple[Norm, ...] = ("l1", "l2", "max")


def t(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def error(confidence: Tensor, correct: Tensor, **settings: object) -> float:
    return float(calibration_error(confidence, correct, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("n", "classes", "bins"), [(500, 3, 15), (200, 10, 7), (1, 2, 15)])
def test_equal_width_is_torchmetrics(norm: Norm, n: int, classes: int, bins: int) -> None:
    logits, targets = drawn(n, classes)
    expected = oracle.multiclass_calibration_error(
        logits.softmax(1), targets.argmax(1), classes, n_bins=bins, norm=norm
    )
    found = error(*confidences(logits, targets), bins=bins, norm=norm)
    assert found == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("classes", [2, 5, 40])
def test_class_wise_is_the_mean_of_torchmetrics_over_classes(norm: Norm, classes: int) -> None:
    logits, targets = drawn(300, classes)
    p = logits.softmax(1)
    each = [
        oracle.binary_calibration_error(
            p[:, k].contiguous(), targets[:, k].long(), n_bins=15, norm=norm
        )
        for k in range(classes)
    ]
    found = float(classwise_error(p, targets, norm=norm))
    assert found == pytest.approx(float(torch.stack(each).mean()), abs=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_equal_mass_is_that_of_equal_parts_of_the_order(norm: Norm) -> None:
    confidence, correct = confidences(*drawn(120, 4, soft=True))
    order = confidence.argsort().reshape(8, 15)
    gaps = (confidence - correct)[order].mean(1).abs()
    expected = {"l1": gaps.mean(), "l2": gaps.square().mean().sqrt(), "max": gaps.max()}[norm]
    found = error(confidence, correct, bins=8, binning="equal_mass", norm=norm)
    assert found == pytest.approx(float(expected), abs=1e-12)
    by_class = classwise_error(
        confidence[:, None], correct[:, None], bins=8, binning="equal_mass", norm=norm
    )
    assert float(by_class) == pytest.approx(found)


@pytest.mark.parametrize(("n", "bins"), [(100, 15), (13, 5), (7, 15), (45, 15), (1000, 7)])
def test_bins_of_equal_mass_differ_by_one_row_at_most(n: int, bins: int) -> None:
    confidence = torch.linspace(0.1, 0.9, n, dtype=torch.float64)
    count = binned(confidence, confidence, bins=bins, binning="equal_mass").count
    assert count.sum() == n
    assert set(count.flatten().tolist()) <= {n // bins, n // bins + 1}


@pytest.mark.parametrize("binning", ["equal_width", "equal_mass"])
@pytest.mark.parametrize("norm", NORMS)
def test_all_certain_and_a_share_right(binning: str, norm: Norm) -> None:
    correct = t(1, 1, 1, 0, 0)
    settings = {"binning": binning, "norm": norm}
    assert error(torch.ones(5), correct, **settings) == pytest.approx(0.4)  # 1 - accuracy
    assert error(torch.ones(5), torch.ones(5), **settings) == 0
    assert error(torch.ones(5), torch.zeros(5), **settings) == 1  # fully wrong
    constant = torch.full((5,), 0.6, dtype=torch.float64)
    assert error(constant, correct, **settings) == pytest.approx(0, abs=1e-12)
    assert error(constant.flip(0), correct.flip(0), **settings) == pytest.approx(0, abs=1e-12)


def test_by_hand() -> None:
    confidence, correct = t(0.1, 0.4, 0.45, 0.9, 1.0), t(0, 1, 0, 1, 1)
    two = {"bins": 2}
    # (0, 0.5]: three rows, confidence 0.95, one right; (0.5, 1]: two rows, 1.9, two right.
    assert error(confidence, correct, **two) == pytest.approx((0.05 + 0.1) / 5)
    l2 = ((0.05 / 3) ** 2 * 3 / 5 + 0.05**2 * 2 / 5) ** 0.5
    assert error(confidence, correct, **two, norm="l2") == pytest.approx(l2)
    assert error(confidence, correct, **two, norm="max") == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("confidence", "place"), [(0.0, 0), (0.2, 0), (0.2000001, 1), (0.4, 1), (1.0, 4)]
)
def test_bins_hold_their_upper_ends_and_the_first_holds_0(confidence: float, place: int) -> None:
    count = binned(t(confidence), t(1.0), bins=5).count[0]
    assert count.tolist() == [float(b == place) for b in range(5)]


def test_one_row_is_wrong_by_its_own_gap() -> None:
    for settings in ({}, {"binning": "equal_mass"}, {"norm": "max"}, {"bins": 1}):
        assert error(t(0.8), t(1), **settings) == pytest.approx(0.2)
        assert float(classwise_error(t(0.8)[:, None], t(1)[:, None], **settings)) == pytest.approx(  # type: ignore[arg-type]
            0.2
        )


def test_calibrated_predictions_have_little_error_and_scaled_ones_much() -> None:
    logits, targets = sampled(40_000, 5)
    assert error(*confidences(logits, targets)) < 0.01
    assert error(*confidences(logits, targets), binning="equal_mass") < 0.01
    assert float(classwise_error(probabilities(logits), targets)) < 0.01
    assert error(*confidences(logits, targets, 1 / 3)) > 0.2


@pytest.mark.parametrize("binning", ["equal_width", "equal_mass"])
@pytest.mark.parametrize("norm", NORMS)
def test_weights_are_copies_of_rows(binning: str, norm: Norm) -> None:
    logits, targets = drawn(40, 4, soft=True)
    p = logits.softmax(1)
    generator = torch.Generator().manual_seed(0)
    weights = torch.randint(4, (3, 40), generator=generator).double()
    settings = {"bins": 6, "binning": binning, "norm": norm}
    confidence, correct = confidences(logits, targets)
    found = calibration_error(confidence, correct, weights, **settings)  # type: ignore[arg-type]
    by_class = classwise_error(p, targets, weights, **settings)  # type: ignore[arg-type]
    for sample, one, other in zip(weights, found, by_class, strict=True):
        rows = torch.arange(40).repeat_interleave(sample.long())
        assert float(one) == pytest.approx(error(confidence[rows], correct[rows], **settings))
        whole = classwise_error(p[rows], targets[rows], **settings)  # type: ignore[arg-type]
        assert float(other) == pytest.approx(float(whole))


@pytest.mark.parametrize("sums", [1, 100, 5000])
def test_how_much_is_held_changes_nothing(sums: int, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, targets = drawn(40, 4, soft=True)
    weights = torch.ones(7, 40).cumsum(0)
    whole = classwise_error(logits.softmax(1), targets, weights)
    monkeypatch.setattr(sys.modules[classwise_error.__module__], "SUMS", sums)
    torch.testing.assert_close(classwise_error(logits.softmax(1), targets, weights), whole)
    assert whole.shape == (7,)


def test_the_diagram_is_of_the_same_bins() -> None:
    confidence, correct = confidences(*drawn(300, 3))
    one = reliability(confidence, correct)
    assert one.ece == pytest.approx(100 * error(confidence, correct), abs=1e-12)
    assert one.count.sum() == 300
    assert np.isnan(one.accuracy[:4]).all()  # of three classes none is surer than 1/3 by less
    assert np.isnan(one.mean_confidence[:4]).all()
    full = one.count > 0
    np.testing.assert_allclose(one.accuracy[full], one.correct[full] / one.count[full])
    edges = np.arange(16) / 15
    assert ((one.mean_confidence > edges[:-1]) & (one.mean_confidence <= edges[1:]))[full].all()
    halves = reliability(confidence[:99], correct[:99]) + reliability(confidence[99:], correct[99:])
    assert halves.ece == pytest.approx(one.ece)
