"""NLL, Brier score and confidence, against scikit-learn, torch and numbers by hand."""

from __future__ import annotations

import math

import pytest
import torch
from drawn_logits import drawn
from sklearn.metrics import brier_score_loss, log_loss
from torch.nn import functional

from mixup_multi.errors import SettingError
from mixup_multi.metrics import confidences, mean, probabilities, scores
from mixup_multi.metrics.rows import CHUNK

F64 = {"dtype": torch.float64}


@pytest.mark.parametrize(("n", "classes"), [(1, 2), (57, 3), (300, 10), (CHUNK // 1000 + 3, 1000)])
def test_nll_and_brier_are_scikit_learns(n: int, classes: int) -> None:
    logits, targets = drawn(n, classes)
    p, labels, names = logits.softmax(1).numpy(), targets.argmax(1).numpy(), list(range(classes))
    said = scores(logits, targets)
    assert float(mean(said.nll)) == pytest.approx(log_loss(labels, p, labels=names), rel=1e-9)
    brier = brier_score_loss(labels, p, labels=names, scale_by_half=False)
    assert float(mean(said.brier)) == pytest.approx(brier, rel=1e-9)


def test_soft_targets_are_those_of_torch() -> None:
    logits, targets = drawn(200, 5, soft=True)
    said = scores(logits, targets)
    expected = functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(said.nll, expected)
    torch.testing.assert_close(said.brier, (logits.softmax(1) - targets).square().sum(1))
    confidence, correct = confidences(logits, targets)
    largest, place = logits.softmax(1).max(1)
    torch.testing.assert_close(confidence, largest)
    torch.testing.assert_close(correct, targets.gather(1, place[:, None])[:, 0])


@pytest.mark.parametrize("classes", [2, 4, 10])
def test_saying_nothing_costs_log_c_and_1_less_1_by_c(classes: int) -> None:
    said = scores(torch.zeros(3, classes), torch.eye(classes)[:1].expand(3, -1))
    assert said.nll.tolist() == pytest.approx([math.log(classes)] * 3)
    assert said.brier.tolist() == pytest.approx([1 - 1 / classes] * 3)


def test_brier_goes_from_0_to_2() -> None:
    said = scores(1e4 * torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    assert said.brier.tolist() == [0, 2]
    assert said.nll.tolist() == [0, 1e4]


def test_probabilities_are_given_as_their_logarithms() -> None:
    p = torch.tensor([[0.7, 0.3, 0.0], [0.25, 0.25, 0.5]], **F64)
    y = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], **F64)
    said = scores(p.log(), y)
    assert said.nll.tolist() == pytest.approx([-math.log(0.7), math.log(4)])
    assert said.brier.tolist() == pytest.approx([0.09 + 0.09, 0.0625 + 0.5625 + 0.25])
    torch.testing.assert_close(probabilities(p.log()), p)
    assert scores(p.log(), y.flip(1)).nll[0] == math.inf


def test_labels_are_summed() -> None:
    logits, _ = drawn(50, 3)
    generator = torch.Generator().manual_seed(1)
    targets = torch.rand(50, 3, generator=generator, **F64)
    said = scores(logits, targets, "labels")
    each = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    torch.testing.assert_close(said.nll, each.sum(1))
    torch.testing.assert_close(said.brier, (logits.sigmoid() - targets).square().sum(1))
    torch.testing.assert_close(probabilities(logits, "labels", 2.0), (logits / 2).sigmoid())


def test_one_label_is_two_classes() -> None:
    logits, targets = drawn(40, 1)[0], torch.arange(40.0)[:, None].remainder(2)
    two = scores(torch.cat([0 * logits, logits], 1), torch.cat([1 - targets, targets], 1))
    one = scores(logits, targets, "labels")
    torch.testing.assert_close(one.nll, two.nll)
    torch.testing.assert_close(2 * one.brier, two.brier)


def test_one_class_is_certain() -> None:
    confidence, correct = confidences(torch.randn(4, 1), torch.ones(4, 1))
    assert confidence.tolist() == correct.tolist() == [1] * 4
    assert scores(torch.randn(4, 1), torch.ones(4, 1)).nll.tolist() == [0] * 4


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_temperature_divides_the_logits(temperature: float) -> None:
    logits, targets = drawn(60, 4)
    tempered = scores(logits, targets, temperature=temperature)
    expected = scores(logits / temperature, targets)
    torch.testing.assert_close(tempered.nll, expected.nll)
    torch.testing.assert_close(tempered.brier, expected.brier)
    confidence, correct = confidences(logits, targets, temperature)
    torch.testing.assert_close(confidence, (logits / temperature).softmax(1).amax(1))
    assert torch.equal(correct, confidences(logits, targets)[1])


def test_half_precision_and_huge_logits_are_read_in_float64() -> None:
    logits = torch.tensor([[6e4, -6e4, 5.9e4]], dtype=torch.float16)
    targets = torch.tensor([[0.0, 0.0, 1.0]])
    assert float(scores(logits, targets).nll) == float(logits[0, 0]) - float(logits[0, 2])
    assert probabilities(logits).dtype == torch.float32


@pytest.mark.parametrize(
    ("logits", "targets", "why"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 2), r"logits are \(2, 3\) and targets \(2, 2\)"),
        (torch.zeros(0, 3), torch.zeros(0, 3), r"at least 1"),
        (torch.full((1, 2), torch.nan), torch.eye(2)[:1], "no finite number"),
        (torch.tensor([[torch.inf, 0.0]]), torch.eye(2)[:1], "no finite number"),
        (torch.zeros(1, 2), torch.ones(1, 2), "does not sum to 1.*kind='labels'"),
    ],
)
def test_what_has_no_score_says_why(logits: torch.Tensor, targets: torch.Tensor, why: str) -> None:
    for function in (scores, confidences):
        with pytest.raises(SettingError, match=why):
            function(logits, targets)
