"""Scores of batches: those of all rows at once, of soft targets and of class indices alike."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mixup_multi.errors import SettingError
from mixup_multi.metrics import (
    MeanBrier,
    MeanNLL,
    SoftAccuracy,
    SoftError,
    StreamingECE,
    auroc,
    calibration_error,
    classwise_error,
    confidences,
    fitted_temperature,
    probabilities,
    reliability,
    risk_coverage_area,
    scores,
)

N, CLASSES = 200, 4


def drawn(soft: bool = False) -> tuple[Tensor, Tensor]:
    """Return logits `(n, c)`, and class indices or soft rows."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(N, CLASSES, generator=generator)
    if soft:
        noise = torch.randn(N, CLASSES, generator=generator)
        return logits, (logits / 2 + noise).softmax(1)
    return logits, torch.randint(CLASSES, (N,), generator=generator)


def streamed(metric, logits: Tensor, targets: Tensor) -> float:
    for some in torch.split(torch.arange(N), 64):
        metric.update(logits[some], targets[some])
    return float(metric.compute())


AT_ONCE = {
    SoftAccuracy(): lambda f, y: confidences(f, y)[1].mean(),
    SoftError(): lambda f, y: 1 - confidences(f, y)[1].mean(),
    MeanNLL(): lambda f, y: scores(f, y).nll.mean(),
    MeanBrier(): lambda f, y: scores(f, y).brier.mean(),
    StreamingECE(): lambda f, y: calibration_error(*confidences(f, y)),
    StreamingECE(bins=7, norm="max"): lambda f, y: calibration_error(
        *confidences(f, y), bins=7, norm="max"
    ),
}


@pytest.mark.parametrize("metric", AT_ONCE, ids=str)
@pytest.mark.parametrize("soft", [False, True])
def test_batch_by_batch_is_all_at_once(metric, soft):
    logits, targets = drawn(soft)
    expected = float(AT_ONCE[metric](logits, targets))
    fresh = copy.deepcopy(metric)
    assert streamed(fresh, logits, targets) == pytest.approx(expected, rel=1e-12)
    assert streamed(fresh.reset(), logits, targets) == pytest.approx(expected, rel=1e-12)
    twin = pickle.loads(pickle.dumps(fresh))
    assert float(twin.compute()) == float(fresh.compute())


@pytest.mark.parametrize("metric", AT_ONCE, ids=str)
def test_of_no_row_there_is_no_score(metric):
    assert bool(copy.deepcopy(metric).reset().compute().isnan())


def test_soft_accuracy_by_hand():
    metric = SoftAccuracy()
    metric.update(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.75, 0.25], [1.0, 0.0]]))
    assert float(metric.compute()) == 0.375
    metric.update(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
    assert float(metric.compute()) == pytest.approx((0.75 + 0 + 1) / 3)


FUNCTIONS = {
    "confidences": lambda f, y: torch.stack(confidences(f, y)),
    "scores": lambda f, y: scores(f, y).nll + scores(f, y).brier,
    "temperature": lambda f, y: torch.tensor(fitted_temperature(f, y)),
    "classwise": lambda f, y: classwise_error(probabilities(f), y),
    "classwise, equal mass": lambda f, y: classwise_error(
        probabilities(f), y, binning="equal_mass"
    ),
    "calibration": lambda f, y: calibration_error(*confidences(f, y)),
    "auroc": lambda f, y: auroc(*confidences(f, y)),
    "aurc": lambda f, y: risk_coverage_area(*confidences(f, y)),
    "reliability": lambda f, y: torch.tensor(reliability(*confidences(f, y)).ece),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_metric_takes_class_indices_as_one_hot_rows(name):
    logits, labels = drawn()
    by_index = FUNCTIONS[name](logits, labels)
    torch.testing.assert_close(
        by_index, FUNCTIONS[name](logits, functional.one_hot(labels).float())
    )
    assert bool(by_index.isfinite().all())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_metric_takes_soft_rows(name):
    """And says of them something else than of their largest entries."""
    logits, soft = drawn(soft=True)
    found = FUNCTIONS[name](logits, soft)
    assert bool(found.isfinite().all())
    assert not torch.allclose(found, FUNCTIONS[name](logits, soft.argmax(1)))


@pytest.mark.parametrize("name", ["confidences", "scores", "temperature", "classwise"])
@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.full((N,), CLASSES), "run from 4 to 4: expected class indices from 0 to 3"),
        (torch.full((N,), -1), "from -1 to -1"),
        (torch.rand(N), "float32: expected class indices"),
    ],
)
def test_class_indices_that_are_none_are_refused(name, targets, message):
    with pytest.raises(SettingError, match=message):
        FUNCTIONS[name](drawn()[0], targets)


def test_independent_labels_have_no_indices():
    with pytest.raises(SettingError, match=r"targets \(200,\): expected both"):
        scores(*drawn(), kind="labels")
    logits, soft = drawn(soft=True)
    metric = MeanNLL(kind="labels")
    assert streamed(metric, logits, soft) == pytest.approx(
        float(scores(logits, soft, "labels").nll.mean())
    )


@pytest.mark.parametrize("top", [1, 2, 9])
def test_on_hard_labels_it_is_torchmetrics_accuracy(top):
    from torchmetrics.functional.classification import multiclass_accuracy

    logits, labels = drawn()
    settings = {"num_classes": CLASSES, "average": "micro", "top_k": min(top, CLASSES)}
    expected = float(multiclass_accuracy(logits, labels, **settings))
    assert streamed(SoftAccuracy(top), logits, labels) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_on_hard_labels_it_is_torchmetrics_calibration_error(norm):
    from torchmetrics.functional.classification import multiclass_calibration_error

    logits, labels = drawn()
    settings = {"num_classes": CLASSES, "n_bins": 15, "norm": norm}
    expected = float(multiclass_calibration_error(logits, labels, **settings))
    found = streamed(StreamingECE(norm=norm), logits, labels)
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_largest_weights_of_soft_rows():
    metric, (logits, soft) = SoftAccuracy(top=2), drawn(soft=True)
    best = soft.gather(1, logits.topk(2, 1).indices).sum(1).mean()
    assert streamed(metric, logits, soft) == pytest.approx(float(best), rel=1e-6)
    with pytest.raises(SettingError, match="top is 0"):
        SoftAccuracy(0)


def test_torchmetrics_accuracy_says_0_of_soft_targets_which_is_why_there_is_one_here():
    """A model that gives each row the distribution it has: right to the largest share possible."""
    from torchmetrics.classification import MulticlassAccuracy

    soft = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.1, 0.4, 0.5]])
    logits = soft.log().clamp_min(-30)
    theirs, ours = MulticlassAccuracy(num_classes=3, average="micro"), SoftAccuracy()
    for metric in (theirs, ours):
        metric.update(logits, soft)
    assert float(theirs.compute()) == 0.0
    assert float(ours.compute()) == pytest.approx((0.7 + 0.6 + 0.5) / 3)


def test_as_a_torchmetric_it_is_the_same_score_and_goes_into_a_collection():
    from torchmetrics import MetricCollection

    from mixup_multi.integrations.torchmetrics import as_metric

    logits, soft = drawn(soft=True)
    metrics = {"accuracy": SoftAccuracy(), "nll": MeanNLL(), "ece": StreamingECE()}
    collection = MetricCollection({name: as_metric(one) for name, one in metrics.items()})
    for some in torch.split(torch.arange(N), 64):
        batch = collection(logits[some], soft[some])
        assert float(batch["accuracy"]) == pytest.approx(
            float(confidences(logits[some], soft[some])[1].mean())
        )
    found = collection.compute()
    for name, one in metrics.items():
        assert float(found[name]) == pytest.approx(streamed(one, logits, soft), rel=1e-12)
    collection.reset()
    assert all(not state.any() for state in collection["accuracy"].metric_state.values())
    assert {state.dtype for state in collection["nll"].metric_state.values()} == {torch.float64}
    assert {"sum"} == {
        reduction.__name__.removeprefix("dim_zero_")
        for one in collection.values()
        for reduction in one._reductions.values()
    }


def test_scores_of_a_collection_that_agree_on_the_first_batch_stay_apart():
    """torchmetrics takes metrics for one whose states are called alike and are equal then."""
    from torchmetrics import MetricCollection

    from mixup_multi.integrations.torchmetrics import as_metric

    scores = {
        "accuracy": SoftAccuracy(),
        "again": SoftAccuracy(),
        "error": SoftError(),
        "top 2": SoftAccuracy(top=2),
        "nll": MeanNLL(),
        "labels' nll": MeanNLL("labels"),
        "ece": StreamingECE(),
        "largest": StreamingECE(norm="max"),
    }
    collection = MetricCollection({name: as_metric(one) for name, one in scores.items()})
    half = torch.tensor([[0.0, 0.0], [0.0, 0.0]])  # whose accuracy and error are both 1/2
    batches = [(half, torch.full((2, 2), 0.5)), (torch.eye(2), torch.tensor([[1.0, 0], [1, 0]]))]
    for logits, soft in batches:
        collection.update(logits, soft)
    groups = [set(names) for names in collection.compute_groups.values()]
    assert {"accuracy", "again"} in groups  # what is one score is computed once
    for name, found in collection.compute().items():
        logits, soft = (torch.cat(part) for part in zip(*batches, strict=True))
        expected = scores[name]
        expected.reset().update(logits, soft)
        assert float(found) == pytest.approx(float(expected.compute()), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_targets_in_half_precision_are_rows_as_far_as_their_type_can_say(dtype):
    """Rounded they sum to 1 within a percent; rows that are no distributions are still refused."""
    logits, soft = drawn(soft=True)
    for score in (SoftAccuracy(), SoftError(), SoftAccuracy(top=2), MeanNLL(), MeanBrier()):
        found = streamed(score, logits, soft.to(dtype))
        assert found == pytest.approx(streamed(score.reset(), logits, soft), rel=2e-3)
        with pytest.raises(SettingError, match="does not sum to 1"):
            streamed(score, logits, 1.05 * soft.to(dtype))
