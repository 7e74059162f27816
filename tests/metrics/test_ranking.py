"""AUROC and the risk-coverage area, against scikit-learn and all orders of ties."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from drawn_logits import drawn
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from mixup_multi.metrics import auroc, confidences, risk_coverage_area


@pytest.mark.parametrize("decimals", [12, 1])
def test_auroc_is_scikit_learns_and_mann_whitneys_with_ties_too(decimals: int) -> None:
    confidence, correct = confidences(*drawn(200, 4))
    confidence = confidence.round(decimals=decimals)
    found = float(auroc(confidence, correct))
    assert found == pytest.approx(roc_auc_score(correct.numpy(), confidence.numpy()))
    right, wrong = confidence[correct == 1].numpy(), confidence[correct == 0].numpy()
    share = mannwhitneyu(right, wrong).statistic / (len(right) * len(wrong))
    assert found == pytest.approx(share)


def test_auroc_of_soft_targets_is_that_of_weighted_copies() -> None:
    confidence, correct = confidences(*drawn(60, 3, soft=True))
    labels = np.repeat([1, 0], 60)
    weights = torch.cat([correct, 1 - correct]).numpy()
    expected = roc_auc_score(labels, confidence.repeat(2).numpy(), sample_weight=weights)
    assert float(auroc(confidence, correct)) == pytest.approx(expected)


def test_auroc_at_its_ends() -> None:
    sure = torch.tensor([0.9, 0.8, 0.4, 0.3])
    right = torch.tensor([1.0, 1.0, 0.0, 0.0])
    assert float(auroc(sure, right)) == 1
    assert float(auroc(sure, 1 - right)) == 0
    assert float(auroc(torch.full((4,), 0.7), right)) == 0.5
    assert auroc(sure, torch.ones(4)).isnan().all()
    assert auroc(sure, torch.zeros(4)).isnan().all()
    assert auroc(sure[:1], right[:1]).isnan().all()


def area_in_order(wrong: np.ndarray) -> float:
    return float((wrong.cumsum() / np.arange(1, len(wrong) + 1)).mean())


def test_risk_coverage_by_definition() -> None:
    confidence, correct = confidences(*drawn(150, 4))
    wrong = 1 - correct.numpy()
    order = np.argsort(-confidence.numpy())
    assert float(risk_coverage_area(confidence, correct)) == pytest.approx(
        area_in_order(wrong[order])
    )
    by_hand = risk_coverage_area(torch.tensor([0.9, 0.5, 0.7]), torch.tensor([1.0, 0.0, 0.0]))
    assert float(by_hand) == pytest.approx((0 + 1 / 2 + 2 / 3) / 3)


def test_ties_count_in_the_mean_over_their_orders() -> None:
    confidence = torch.tensor([0.9, 0.6, 0.6, 0.6, 0.2])
    correct = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    areas = [area_in_order(1 - correct.numpy()[[0, *tied, 4]]) for tied in permutations([1, 2, 3])]
    found = float(risk_coverage_area(confidence, correct))
    assert found == pytest.approx(float(np.mean(areas)))
    assert float(risk_coverage_area(torch.ones(5), correct)) == pytest.approx(0.4)  # the error


@pytest.mark.parametrize("metric", [auroc, risk_coverage_area])
def test_weights_are_copies_of_rows(metric) -> None:  # type: ignore[no-untyped-def]
    confidence, correct = confidences(*drawn(50, 3))
    confidence = confidence.round(decimals=1)
    generator = torch.Generator().manual_seed(0)
    weights = torch.randint(50, (4, 50), generator=generator)
    weights = torch.stack([row.bincount(minlength=50) for row in weights])
    found = metric(confidence, correct, weights)
    for sample, one in zip(weights, found, strict=True):
        rows = torch.arange(50).repeat_interleave(sample)
        assert float(one) == pytest.approx(float(metric(confidence[rows], correct[rows])))
