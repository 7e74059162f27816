"""Mixup Inference: its equation, its samples, and that many samples in one pass change nothing."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from predictions import CLASSES, FEATURES, TRAIN, drawn, labels, mlp, rows, training
from torch import Tensor, nn

from mixup_multi.batch import as_targets
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives.losses import Sigmoid, Softmax
from mixup_multi.points import run_edited
from mixup_multi.predict import MixupInference, Plain, Pooling
from mixup_multi.predict.presets import mi_combined, mi_ol, mi_pl
from mixup_multi.streams import seed_of

SOFTMAX = Softmax()
ALL = Pooling(None)


def fitted(of: str, samples: int = 6, **settings) -> MixupInference:
    settings = {"pooling": ALL, **settings}
    return MixupInference(of, samples=samples, **settings).fit(training())


def plain(net: nn.Module, x: Tensor) -> Tensor:
    return Plain().probabilities(net, x, 0, SOFTMAX)


def one_by_one(predictor, net, x: Tensor, seed: int, point: str = "input") -> Tensor:
    """Return F_MI by the book: an example and a sample at a time, in evaluation mode."""
    net = copy.deepcopy(net).eval()
    pooled = training().data.train.inputs
    out = []
    for i in range(len(x)):
        total = torch.zeros(CLASSES, dtype=torch.float64)
        for row in drawn(predictor, net, x, seed)[:, i]:
            sample = pooled[row][None]
            if point != "input":
                sample = seen_at(net, sample, point)
            own = predictor.share

            def mix(h, sample=sample, own=own):
                return own * h + (1 - own) * sample

            total = total + run_edited(net, x[i : i + 1], {point: mix}).softmax(1)[0]
        out.append(total / predictor.samples)
    return torch.stack(out)


def seen_at(net: nn.Module, x: Tensor, point: str) -> Tensor:
    seen = []
    net(x, {point: lambda h: seen.append(h) or h})
    return seen[0]


@pytest.mark.parametrize("of", ["predicted", "other"])
@pytest.mark.parametrize("point", ["first", "hidden"])
def test_a_share_of_one_is_the_plain_prediction(of, point, close):
    net, x = mlp(), rows(5)
    predictor = fitted(of, share=1.0, point=point)
    close(predictor.probabilities(net, x, 0, SOFTMAX), plain(net, x), atol=1e-14)


@pytest.mark.parametrize("of", ["predicted", "other"])
@pytest.mark.parametrize("point", ["input", "hidden", "head"])
@pytest.mark.parametrize("chunk", [1, 11, 1024])
def test_one_pass_for_many_samples_equals_one_pass_each(of, point, chunk, close):
    net, x = mlp(), rows(5)
    predictor = fitted(of, share=0.6, point=point, chunk=chunk)
    got = predictor.probabilities(net, x, 3, SOFTMAX)
    close(got, one_by_one(predictor, net, x, 3, point).detach(), atol=1e-12)


@pytest.mark.parametrize("of", ["predicted", "other"])
def test_probabilities_linear_in_the_input_are_mixed_as_the_input_is(of, close):
    """F_MI = own F(x) + (1 - own) mean_k F(s_k) where F is affine and there is no softmax."""
    torch.manual_seed(0)
    net = nn.Linear(FEATURES, CLASSES).double()

    class Identity(Softmax):
        def mean_response(self, logits: Tensor) -> Tensor:
            return logits

        def averaged(self, logits: Tensor) -> Tensor:
            return logits.mean(0)

    predictor, x = fitted(of, samples=7, share=0.3), rows(5)
    with torch.no_grad():
        samples = net(training().data.train.inputs[drawn(predictor, net, x, 3)]).mean(0)
        expected = 0.3 * net(x) + 0.7 * samples
    close(predictor.probabilities(net, x, 3, Identity()), expected, atol=1e-13)


def test_mi_pl_draws_the_predicted_class_only_and_mi_ol_every_other():
    net, x = mlp(), rows(40)
    predicted = plain(net, x).argmax(1)
    assert predicted.unique().numel() == CLASSES
    assert (labels()[drawn(fitted("predicted", 50), net, x, 3)] == predicted).all()
    others = labels()[drawn(fitted("other", 50), net, x, 3)]
    assert (others != predicted).all()
    for k in range(CLASSES):  # each of the two others about as often
        seen = others[:, predicted == k].flatten().bincount(minlength=CLASSES) / others.numel()
        expected = (predicted == k).double().mean() / (CLASSES - 1)
        assert all(abs(seen[other] - expected) < 0.03 for other in range(CLASSES) if other != k)


def test_the_seed_decides_and_the_global_random_state_has_no_part():
    net, x, predictor = mlp(), rows(5), fitted("other")
    before = torch.get_rng_state()
    first = predictor.probabilities(net, x, 1, SOFTMAX)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(123)
    assert torch.equal(predictor.probabilities(net, x, 1, SOFTMAX), first)
    assert not torch.allclose(predictor.probabilities(net, x, 2, SOFTMAX), first)


def test_an_examples_samples_do_not_depend_on_those_after_it(close):
    net, x, predictor = mlp(), rows(7), fitted("other")
    whole = predictor.probabilities(net, x, 1, SOFTMAX)
    close(predictor.probabilities(net, x[:3], 1, SOFTMAX), whole[:3], atol=1e-14)


def test_the_pool_comes_from_the_training_part_only():
    """The test part holds NaN: a single row of it would be seen."""
    for predictor in (mi_pl(pool=30), mi_ol(pool=30), mi_combined(pool=30)):
        p = predictor.fit(training()).probabilities(mlp(), rows(4), 0, SOFTMAX)
        assert p.isfinite().all()


def test_an_example_of_the_training_part_does_not_meet_itself(close):
    x = rows(4)
    own = torch.stack([x[0], 3 * x[1]])
    targets = as_targets(torch.tensor([0, 0, 1, 2]), CLASSES)
    part = training(torch.cat([own, x[2:]]), targets)

    class First(nn.Linear):
        """Predicts class 0, and tells by how much it was moved."""

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x[:, 0], 0 * x[:, 0] - 9, 0 * x[:, 0] - 9], 1)

    predictor = MixupInference("predicted", 0.5, 8, ALL).fit(part)
    p = predictor.probabilities(First(1, 1), own, 0, SOFTMAX, rows=torch.tensor([0, 1]))
    both = (own[:1] + own[1:]) / 2
    close(p, First(1, 1)(both).softmax(1).expand(2, -1), atol=1e-14)


@pytest.mark.parametrize("judge", [Softmax(), Sigmoid()])
def test_two_classes_will_do_as_two_columns_or_one(judge, close):
    columns = 2 if isinstance(judge, Softmax) else 1
    classes = torch.arange(TRAIN) % 2
    targets = as_targets(classes, 2) if columns == 2 else classes[:, None].double()
    net, x = mlp(columns), rows(6)
    predictor = MixupInference("other", 0.5, 5, ALL).fit(training(targets=targets))
    samples = drawn(predictor, net, x, 0, judge)
    p = Plain().probabilities(net, x, 0, judge)
    predicted = p.argmax(1) if columns == 2 else (p[:, 0] > 0.5).long()
    assert (classes[samples] == 1 - predicted).all()
    mixed = 0.5 * x + 0.5 * training().data.train.inputs[samples]
    with torch.no_grad():
        expected = torch.stack([judge.mean_response(net.eval()(some)) for some in mixed]).mean(0)
    close(predictor.probabilities(net, x, 0, judge), expected, atol=1e-12)


def test_nothing_of_the_model_changes():
    net = mlp().train()
    net.stages["hidden"].eval()  # a part that is frozen
    state = copy.deepcopy(net.state_dict())
    modes = [module.training for module in net.modules()]
    for point in ("first", "hidden"):
        fitted("other", point=point, chunk=7).probabilities(net, rows(5), 0, SOFTMAX)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(state[key], value) for key, value in net.state_dict().items())
    assert all(weight.grad is None for weight in net.parameters())
    assert net.stages["hidden"][0].track_running_stats


def test_the_combined_rule_takes_one_or_the_other_for_each_row(close):
    net, x = mlp(), rows(40)
    both = mi_combined(pool=None, gap=0.2).fit(training())
    assert both.predicted.pool is both.other.pool
    pl = both.predicted.probabilities(net, x, seed_of(4, "predicted"), SOFTMAX)
    ol = both.other.probabilities(net, x, seed_of(4, "other"), SOFTMAX)
    attacked = plain(net, x).amax(1) - pl.amax(1) >= 0.2
    assert 0 < attacked.sum() < 40
    expected = torch.where(attacked[:, None], ol, pl)
    close(both.probabilities(net, x, 4, SOFTMAX), expected, atol=1e-14)
    for gap, only in ((-2.0, ol), (2.0, pl)):
        close(replace(both, gap=gap).probabilities(net, x, 4, SOFTMAX), only, atol=1e-14)


def test_the_confidence_in_one_column_is_that_of_the_likelier_label():
    net, x = mlp(1), rows(40)
    targets = (torch.arange(TRAIN) % 2)[:, None].double()
    both = mi_combined(pool=None, gap=0.1).fit(training(targets=targets))
    judge = Sigmoid()
    pl = both.predicted.probabilities(net, x, seed_of(4, "predicted"), judge)
    own = Plain().probabilities(net, x, 0, judge)
    attacked = (own - 0.5).abs() - (pl - 0.5).abs() >= 0.1
    assert 0 < attacked.sum() < 40
    changed = both.probabilities(net, x, 4, judge) != pl
    assert torch.equal(changed, attacked)


def test_the_papers_settings():
    assert (mi_pl().share, mi_pl().samples, mi_pl().pooling.size) == (0.5, 10, 1_000)
    assert (mi_ol().share, mi_ol().samples, mi_ol().pooling.size) == (0.5, 30, 10_000)
    both = mi_combined()
    assert (both.predicted.samples, both.other.samples, both.gap) == (5, 15, 0.2)
    assert (both.predicted.of, both.other.of) == ("predicted", "other")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"of": "same"}, "of is 'same': expected predicted or other"),
        ({"share": 1.5}, "share is 1.5: expected a number in"),
        ({"share": float("nan")}, "share is nan"),
        ({"samples": 0}, "samples is 0: expected 1 or more"),
        ({"chunk": 0}, "chunk is 0: expected 1 or more"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        MixupInference(**{"of": "other", **settings})


def test_a_gap_that_is_no_number_is_refused():
    with pytest.raises(SettingError, match="gap is NaN"):
        mi_combined(gap=float("nan"))


def test_what_cannot_be_done_says_why():
    net, x = mlp(), rows(4)
    with pytest.raises(SettingError, match="no pool yet: expected fit"):
        mi_ol().probabilities(net, x, 0, SOFTMAX)
    with pytest.raises(PointError, match="'hiden'.*did you mean 'hidden'"):
        mi_combined(point="hiden").check(net)
    codes = training(torch.arange(TRAIN)[:, None].expand(TRAIN, FEATURES))
    embedded = nn.Sequential(nn.Embedding(TRAIN, 2), nn.Flatten(), nn.Linear(8, CLASSES))
    with pytest.raises(PointError, match="int64 cannot be mixed"):
        mi_ol(pool=None).fit(codes).probabilities(embedded, torch.ones(2, 4).long(), 0, SOFTMAX)


class Opaque:
    """Inputs that are neither a tree of tensors nor a `Joint`."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def to(self, device: str) -> Opaque:
        return self


class Reads(nn.Module):
    points = ("input", "hidden")

    def forward(self, inputs, edits):
        inputs = edits.get("input", lambda flow: flow)(inputs)
        return edits.get("hidden", lambda flow: flow)(inputs.rows[:, :CLASSES])


@pytest.mark.parametrize(
    ("point", "message"),
    [("input", "where no tensors flow.*Opaque"), ("hidden", "samples cannot be taken.*Opaque")],
)
def test_inputs_that_are_no_tensors_are_refused(point, message):
    part = training()
    whole = Pooling(None).draw(part.source)
    pool = replace(whole, inputs=Opaque(whole.inputs))
    predictor = replace(mi_ol(point=point), pool=pool)
    with pytest.raises(PointError, match=message):
        predictor.probabilities(Reads(), Opaque(rows(3)), 0, SOFTMAX)
