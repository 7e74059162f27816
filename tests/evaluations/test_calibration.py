"""Calibration and the single scores of a small network, against oracles on its own logits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.engine.evaluate import Outputs, outputs_of
from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.errors import DivergedError, PointError, SettingError
from mixup_multi.evaluations import (
    AURC,
    AUROC,
    ECE,
    NLL,
    Brier,
    Calibration,
    ClasswiseECE,
    Subject,
)
from mixup_multi.evaluations.evaluation import Part
from mixup_multi.evaluations.scoring import Score
from mixup_multi.objectives.losses import Loss, Sigmoid, Softmax, SoftmaxBCE
from mixup_multi.predict import Plain, Predictor

ADAPTER = door.load_adapter("tabular")
SINGLE: dict[str, type[Score]] = {
    "nll": NLL,
    "brier": Brier,
    "ece": ECE,
    "classwise_ece": ClasswiseECE,
    "auroc": AUROC,
    "aurc": AURC,
}


def never() -> nn.Module:
    raise AssertionError("the model was asked for although its logits are kept")


@pytest.fixture(scope="module")
def live() -> Subject:
    """A small network on Iris, not trained to its end, so that it errs."""
    data: Data = ADAPTER.datasets["sklearn_iris"].load(Path(), Trial(), validation=0.3)
    torch.manual_seed(0)
    model = ADAPTER.models["mlp"](data, widths=(8,))
    batch = data.train.gather(torch.arange(len(data.train)))
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    for _ in range(25):
        optimizer.zero_grad()
        Softmax().value(model(batch.inputs), batch.targets).mean().backward()
        optimizer.step()
    return Subject(lambda: model.eval(), data, Softmax(), torch.device("cpu"))


@pytest.fixture(scope="module")
def subject(live: Subject) -> Subject:
    """The same of which only the logits are kept."""
    parts: tuple[Part, ...] = ("test", "validation", "train")
    kept = {p: outputs_of(live.model, live.part(p), 64, live.device, False) for p in parts}
    return replace(live, load=never, stored=kept)


def of_logits(logits: Tensor, targets: Tensor, loss: Loss | None = None) -> Subject:
    """Return a subject of which nothing is known but what it says of its test part."""
    source = TensorSource(logits, targets, targets.shape[1], [str(i) for i in range(len(logits))])
    data = Data("made", source, source, None, tuple(map(str, range(logits.shape[1]))), "key")
    stored = {"test": Outputs(logits, targets)}
    return Subject(never, data, loss or Softmax(), torch.device("cpu"), stored=stored)  # type: ignore[arg-type]


def test_the_scores_are_those_of_oracles(subject: Subject) -> None:
    outputs = subject.outputs("test")
    p, labels = outputs.logits.double().softmax(1), outputs.targets.argmax(1)
    right = (p.argmax(1) == labels).numpy()
    values = Calibration(bootstrap=0).measure(subject).values
    assert next(iter(values)) == "ece"
    assert values["error"] == pytest.approx(outputs.error(Softmax()))
    assert 0 < values["error"] < 60
    assert values["nll"] == pytest.approx(log_loss(labels.numpy(), p.numpy()), rel=1e-6)
    assert values["brier"] == pytest.approx(float((p - outputs.targets).square().sum(1).mean()))
    assert values["auroc"] == pytest.approx(100 * roc_auc_score(right, p.amax(1).numpy()))
    assert values["rows"] == len(labels)
    assert values["temperature"] == 1
    torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
    ece = torchmetrics.multiclass_calibration_error(p, labels, 3, n_bins=15)
    assert values["ece"] == pytest.approx(100 * float(ece), abs=1e-4)


def test_each_single_score_is_that_of_calibration(subject: Subject) -> None:
    together = Calibration(bootstrap=50, seed=3).measure(subject).values
    for name, kind in SINGLE.items():
        values = kind(bootstrap=50, seed=3).measure(subject).values
        assert list(values) == [name, f"{name}_low", f"{name}_high", "temperature", "rows"]
        assert {key: together[key] for key in values} == values
    adaptive = ECE(binning="equal_mass", bootstrap=0).measure(subject).values["ece"]
    assert adaptive == together["adaptive_ece"]
    assert [SINGLE[name].unit for name in ("nll", "ece")] == ["nats", "%"]


def test_settings_of_bins_reach_the_metric(subject: Subject) -> None:
    def ece(**settings: object) -> float:
        return ECE(bootstrap=0, **settings).measure(subject).values["ece"]  # type: ignore[arg-type]

    assert ece(norm="l1") <= ece(norm="l2") <= ece(norm="max")
    confidence = subject.outputs("test").logits.double().softmax(1).amax(1).mean()
    accuracy = 1 - subject.outputs("test").error(Softmax()) / 100
    assert ece(bins=1) == pytest.approx(100 * abs(float(confidence) - accuracy))


def test_intervals_hold_means_and_follow_the_seed(subject: Subject) -> None:
    values = Calibration(bootstrap=300).measure(subject).values
    for name in ("error", "nll", "brier", "auroc"):
        assert values[f"{name}_low"] < values[name] < values[f"{name}_high"]
    state = torch.get_rng_state()
    assert Calibration(bootstrap=300).measure(subject).values == values
    assert torch.equal(state, torch.get_rng_state())
    assert Calibration(bootstrap=300, seed=1).measure(subject).values != values
    assert not [name for name in NLL(bootstrap=0).measure(subject).values if "low" in name]


def test_the_temperature_is_that_of_the_validation_part(subject: Subject) -> None:
    plain = Calibration(bootstrap=0).measure(subject).values
    tempered = Calibration(bootstrap=0, temperature="validation").measure(subject).values
    found = tempered["temperature"]
    assert found not in (1, 0.01, 100)
    assert tempered["error"] == plain["error"]
    held = subject.outputs("validation")
    beta = torch.tensor(1 / found, dtype=torch.float64, requires_grad=True)
    value = Softmax().value(beta * held.logits.double(), held.targets).mean()
    assert abs(float(torch.autograd.grad(value, beta)[0])) < 1e-9
    by_hand = Softmax().value(
        subject.outputs("test").logits / found, subject.outputs("test").targets
    )
    assert tempered["nll"] == pytest.approx(float(by_hand.mean()), rel=1e-5)
    own = NLL(part="train", temperature="validation", bootstrap=0).measure(subject).values
    assert own["temperature"] == found


@pytest.mark.parametrize("binning", ["equal_width", "equal_mass"])
def test_the_curves_are_the_reliability_diagram(subject: Subject, binning: str) -> None:
    asked = Calibration(bins=10, binning=binning, bootstrap=0)  # type: ignore[arg-type]
    measured = asked.measure(subject)
    curves = measured.curves
    assert list(curves) == ["reliability", "confidence", "count"]
    assert all(c.x == pytest.approx([0.05 + b / 10 for b in range(10)]) for c in curves.values())
    count = curves["count"].y
    assert sum(count) == measured.values["rows"]
    empty = [math.isnan(y) for y in curves["reliability"].y]
    assert empty == [n == 0 for n in count] == [math.isnan(y) for y in curves["confidence"].y]
    pairs = zip(count, curves["reliability"].y, curves["confidence"].y, strict=True)
    ece = sum(n * abs(true - said) for n, true, said in pairs if n) / sum(count)
    assert measured.values["ece"] == pytest.approx(100 * ece)
    if binning == "equal_width":
        assert empty[:3] == [True] * 3  # the largest of three probabilities is above 1/3
    else:
        assert max(count) - min(count) <= 1


@dataclass(frozen=True)
class Shy(Plain):
    """Says the same as the model, with half its confidence."""

    def logits(self, *args: object, **settings: object) -> Tensor:  # type: ignore[override]
        return super().logits(*args, **settings) / 2  # type: ignore[arg-type]


def test_a_predictor_is_asked_in_place_of_the_model(live: Subject, subject: Subject) -> None:
    for part in ("test", "train"):
        plain = NLL(part=part, bootstrap=0)  # type: ignore[arg-type]
        kept, anew = plain.measure(subject).values, replace(plain, predictor=Plain(), batch_size=7)
        assert anew.measure(live).values == pytest.approx(kept, rel=1e-5)
    shy = Calibration(predictor=Shy(), temperature="validation", bootstrap=0)
    own = replace(shy, predictor=None)
    shy_values, own_values = shy.measure(live).values, own.measure(live).values
    assert shy_values["temperature"] == pytest.approx(own_values["temperature"] / 2, rel=1e-4)
    assert shy_values["nll"] == pytest.approx(own_values["nll"], rel=1e-4)
    assert all(p.grad is None or p.grad.isfinite().all() for p in live.model.parameters())


class Refusing(Plain):
    def check(self, model: nn.Module) -> None:
        raise PointError("this model has no such point")


class Diverging(Plain):
    def logits(self, *args: object, **settings: object) -> Tensor:  # type: ignore[override]
        return super().logits(*args, **settings) * torch.nan  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("predictor", "kind"), [(Refusing(), PointError), (Diverging(), DivergedError)]
)
def test_a_predictor_that_does_not_fit_is_told(
    live: Subject, predictor: Predictor, kind: type[Exception]
) -> None:
    asked = NLL(predictor=predictor)
    if kind is PointError:
        with pytest.raises(kind):
            asked.check(live)
    with pytest.raises(kind):
        asked.measure(live)


def test_logits_that_are_not_kept_are_made(live: Subject, subject: Subject) -> None:
    asked = Calibration(bootstrap=20, batch_size=11)
    assert asked.measure(live).values == pytest.approx(asked.measure(subject).values, rel=1e-4)


def test_one_label_is_two_classes_in_every_score() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(80, 1, generator=generator)
    labels = (torch.rand(80, 1, generator=generator) < logits.sigmoid()).float()
    one = of_logits(logits, labels, Sigmoid())
    two = of_logits(torch.cat([0 * logits, logits], 1), torch.cat([1 - labels, labels], 1))
    asked = Calibration(bootstrap=30)
    assert asked.measure(one).values == asked.measure(two).values
    asked.check(one)
    own = NLL(bootstrap=0).measure(one).values["nll"]
    assert own == pytest.approx(float(Sigmoid().value(logits, labels).mean()), rel=1e-5)


def test_soft_targets_have_every_score() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 3, generator=generator)
    targets = (logits / 2).softmax(1)
    values = Calibration(bootstrap=20).measure(of_logits(logits, targets)).values
    assert all(math.isfinite(value) for value in values.values())
    assert values["nll"] == pytest.approx(float(Softmax().value(logits, targets).mean()), rel=1e-5)
    cooled = Calibration(bootstrap=0).measure(of_logits(logits / 2, targets)).values
    for name in ("ece", "adaptive_ece", "classwise_ece", "brier"):
        assert cooled[name] == pytest.approx(0, abs=1e-4)
        assert values[name] > 0.01


def test_labels_have_the_scores_that_have_a_meaning() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 4, generator=generator)
    labels = (torch.rand(50, 4, generator=generator) < 0.4).float()
    made = of_logits(logits, labels, Sigmoid())
    for kind in (NLL, Brier, ClasswiseECE):
        kind().check(made)
        assert math.isfinite(next(iter(kind(bootstrap=20).measure(made).values.values())))
    nll = NLL(bootstrap=0).measure(made).values["nll"]
    assert nll == pytest.approx(float(Sigmoid().value(logits, labels).mean()), rel=1e-5)
    for kind in (Calibration, ECE, AUROC, AURC):
        with pytest.raises(SettingError, match="4 independent labels.*nll, brier and classwise"):
            kind().check(made)
        with pytest.raises(SettingError, match="no single confidence"):
            kind().measure(made)


def test_the_nll_is_the_cross_entropy_whatever_was_trained_with(subject: Subject) -> None:
    other = replace(subject, loss_fn=SoftmaxBCE())
    assert NLL(bootstrap=0).measure(other).values == NLL(bootstrap=0).measure(subject).values


class Squared(nn.Module):
    """A loss of numbers, which says nothing of probabilities."""


def test_numbers_are_not_scored() -> None:
    made = of_logits(torch.zeros(3, 1), torch.zeros(3, 1), Squared())  # type: ignore[arg-type]
    for ask in (NLL().check, NLL().measure):
        with pytest.raises(SettingError, match="the loss Squared predicts none: expected classes"):
            ask(made)


def test_a_perfect_model_has_no_auroc_and_no_error() -> None:
    measured = Calibration(bootstrap=20).measure(of_logits(50 * torch.eye(4), torch.eye(4)))
    values = dict(measured.values)
    for name in ("auroc", "auroc_low", "auroc_high"):
        assert math.isnan(values.pop(name))
    zero = ("ece", "adaptive_ece", "classwise_ece", "error", "nll", "brier", "aurc")
    assert all(values[name] == pytest.approx(0, abs=1e-12) for name in zero)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bootstrap": -1}, "bootstrap is -1: expected 0 or more"),
        ({"batch_size": 0}, "batch_size is 0: expected 1 or more"),
        ({"bins": 0}, "bins is 0: expected 1 or more"),
        ({"part": "validation", "temperature": "validation"}, "expected another part"),
    ],
)
def test_values_out_of_range_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Calibration(**settings)  # type: ignore[arg-type]


def test_a_missing_validation_part_is_told_before_training(subject: Subject) -> None:
    bare = replace(subject, data=replace(subject.data, validation=None))
    for ask in (NLL(temperature="validation").check, NLL(temperature="validation").measure):
        with pytest.raises(SettingError, match=r"has\s+none: expected a data set with one"):
            ask(bare)
    with pytest.raises(SettingError, match="no part 'validation'"):
        NLL(part="validation").check(bare)
