"""Percentile intervals: known coverage, scipy's on the same numbers, and the same each time."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from drawn_logits import drawn
from scipy import stats

from mixup_multi.errors import SettingError
from mixup_multi.metrics import (
    auroc,
    calibration_error,
    classwise_error,
    confidences,
    intervals,
    mean,
    probabilities,
)
from mixup_multi.metrics.bootstrap import draws


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_weights_are_draws_with_replacement_however_many_at_a_time() -> None:
    whole = torch.cat(list(draws(20, 300, seeded())))
    assert whole.shape == (300, 20)
    assert (whole.sum(1) == 20).all()
    for chunk in (1, 140, 10_000):
        assert torch.equal(torch.cat(list(draws(20, 300, seeded(), chunk))), whole)
    many = torch.cat(list(draws(20, 4000, seeded(1))))
    assert float(many.mean()) == 1
    assert float(many.var()) == pytest.approx(1 - 1 / 20, rel=0.03)  # binomial(20, 1/20)


def test_the_mean_has_scipys_interval() -> None:
    values = torch.randn(80, generator=seeded(), dtype=torch.float64).exp()
    found = intervals({"mean": partial(mean, values)}, 80, 9999, seeded())["mean"]
    expected = stats.bootstrap(
        (values.numpy(),), np.mean, method="percentile", n_resamples=9999,
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert found == pytest.approx(tuple(expected), rel=0.02)


def test_it_covers_a_known_mean_as_often_as_it_says() -> None:
    covered = 0
    for trial in range(300):
        correct = (torch.rand(100, generator=seeded(trial)) < 0.8).double()
        low, high = intervals({"m": partial(mean, correct)}, 100, 200, seeded(trial), level=0.9)[
            "m"
        ]
        covered += low <= 0.8 <= high
    assert 0.85 <= covered / 300 <= 0.95


def test_any_metric_has_one_and_the_same_each_time() -> None:
    logits, targets = drawn(120, 3)
    rows = confidences(logits, targets)
    metrics = {
        "ece": partial(calibration_error, *rows),
        "adaptive": partial(calibration_error, *rows, binning="equal_mass"),
        "classwise": partial(classwise_error, probabilities(logits), targets),
        "auroc": partial(auroc, *rows),
    }
    first = intervals(metrics, 120, 200, seeded())
    assert first == intervals(metrics, 120, 200, seeded())
    assert first != intervals(metrics, 120, 200, seeded(1))
    alone = {
        name: intervals({name: metric}, 120, 200, seeded())[name]
        for name, metric in metrics.items()
    }
    assert alone == first
    assert all(0 <= low < high <= 1 for low, high in first.values())


def test_each_sample_is_measured_as_its_own_rows() -> None:
    confidence, correct = confidences(*drawn(30, 3))
    by_hand = []
    for weights in torch.cat(list(draws(30, 50, seeded()))):
        rows = torch.arange(30).repeat_interleave(weights.long())
        by_hand.append(float(calibration_error(confidence[rows], correct[rows])))
    metric = {"ece": partial(calibration_error, confidence, correct)}
    found = intervals(metric, 30, 50, seeded())["ece"]
    assert found == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])))


def test_undefined_samples_do_not_count() -> None:
    confidence = torch.tensor([0.9, 0.6, 0.5])
    some = {"auroc": partial(auroc, confidence, torch.tensor([1.0, 1.0, 0.0]))}
    assert intervals(some, 3, 100, seeded())["auroc"] == (1, 1)
    none = {"auroc": partial(auroc, confidence, torch.ones(3))}
    assert all(np.isnan(intervals(none, 3, 100, seeded())["auroc"]))


@pytest.mark.parametrize(("samples", "level"), [(0, 0.95), (10, 0.0), (10, 1.0)])
def test_what_is_no_number_of_samples_or_level(samples: int, level: float) -> None:
    with pytest.raises(SettingError, match="expected 1 or more, and a number in"):
        intervals({"m": partial(mean, torch.ones(3))}, 3, samples, seeded(), level=level)
