"""Between pairs: ends, two classes, symmetry, and a loop over pairs and shares."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from trained import labels, net, rows, toy, trained

from mixup_multi.batch import as_targets
from mixup_multi.errors import PointError, SettingError
from mixup_multi.evaluations import InBetween, Subject
from mixup_multi.evaluations.in_between import Label, draw_pairs, label_between, misses
from mixup_multi.objectives.losses import Sigmoid, Softmax
from mixup_multi.streams import stream

N, OWN = 40, (0.0, 0.25, 0.5, 0.75, 1.0)
X, Y = rows(N, 3), labels(N, 4)
FIRST, SECOND = draw_pairs(Y, 30, False, stream(0, "mix"))


@pytest.fixture(scope="module")
def subject() -> Subject:
    return toy(net(3, 4), X, Y, 4)


def by_loop(subject: Subject, label: Label) -> Tensor:
    """Return misses and norms `(2, shares, pairs)`, one example at a time."""
    model, found = subject.model, torch.zeros(2, len(OWN), len(FIRST), dtype=torch.float64)
    for place, (i, j) in enumerate(zip(FIRST.tolist(), SECOND.tolist(), strict=True)):
        for number, own in enumerate(OWN):
            x = (own * X[i] + (1 - own) * X[j]).requires_grad_()
            logits = model(x[None])[0]
            shares = [own, 1 - own] if label == "mixed" else [float(own >= 0.5), float(own < 0.5)]
            log_p = logits.log_softmax(0)
            (-shares[0] * log_p[Y[i]] - shares[1] * log_p[Y[j]]).backward()
            assert x.grad is not None
            found[0, number, place] = float(logits.argmax() not in (Y[i], Y[j]))
            found[1, number, place] = x.grad.norm()
    model.zero_grad()
    return found


@pytest.mark.parametrize("label", ["mixed", "nearest"])
def test_it_is_what_a_loop_finds(subject: Subject, label: Label) -> None:
    asked = InBetween(label=label, pairs=30, shares=5, batch_size=7, part="test")
    expected = by_loop(subject, label)
    assert_close(asked.along(subject, FIRST, SECOND, OWN), expected, rtol=1e-6, atol=1e-9)
    measured = asked.measure(subject)
    miss, norm = (measured.curves[name] for name in ("miss", "gradient_norm"))
    assert miss.x == norm.x == OWN
    assert_close(torch.tensor(miss.y, dtype=torch.float64), 100 * expected[0].mean(1))
    assert_close(torch.tensor(norm.y), expected[1].mean(1).float(), rtol=1e-6, atol=1e-9)
    assert next(iter(measured.values.items())) == ("miss", miss.y[2])
    assert measured.values["gradient_norm"] == norm.y[2]
    assert measured.values["miss_at_ends"] == pytest.approx((miss.y[0] + miss.y[4]) / 2)


def test_at_the_ends_misses_are_errors_but_for_the_partners_label(subject: Subject) -> None:
    missed = InBetween().along(subject, FIRST, SECOND, (1.0, 0.0))[0]
    said = subject.model(X).argmax(1)
    for end, own, other in ((0, FIRST, SECOND), (1, SECOND, FIRST)):
        expected = (said[own] != Y[own]) & (said[own] != Y[other])
        assert torch.equal(missed[end], expected.double())


def test_pairs_and_their_reverse_are_mirror_images(subject: Subject) -> None:
    there = InBetween().along(subject, FIRST, SECOND, OWN)
    back = InBetween().along(subject, SECOND, FIRST, OWN)
    assert_close(there, back.flip(1), rtol=1e-9, atol=1e-12)


def test_two_classes_cannot_be_missed_between_them() -> None:
    two = toy(net(3, 2), X, labels(N, 2), 2)
    assert not any(InBetween(pairs=50, differing=True).measure(two).curves["miss"].y)
    assert any(InBetween(pairs=50).measure(two).curves["miss"].y)


def test_pairs_never_hold_one_row_twice_and_differ_where_asked() -> None:
    first, second = draw_pairs(Y, 2000, False, stream(0, "mix"))
    assert (first != second).all()
    assert (Y[first] == Y[second]).any()
    assert torch.equal(first.unique(), torch.arange(N))
    assert torch.equal(second.unique(), torch.arange(N))
    first, second = draw_pairs(Y, 2000, True, stream(0, "mix"))
    assert (Y[first] != Y[second]).all()
    several = as_targets(Y, 4)
    first, second = draw_pairs(several, 100, True, stream(0, "mix"))
    assert (Y[first] != Y[second]).all()


def test_the_label_at_a_share() -> None:
    ours, theirs = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert label_between("mixed", ours, theirs, 0.25).tolist() == [[0.25, 0.75]]
    assert label_between("nearest", ours, theirs, 0.25) is theirs
    assert label_between("nearest", ours, theirs, 0.5) is ours


def test_what_is_missed() -> None:
    logits = torch.tensor([[3.0, 1, 0], [0, 2, 1], [0, 1, 2]])
    ours, theirs = as_targets(torch.tensor([0, 0, 0]), 3), as_targets(torch.tensor([1, 1, 1]), 3)
    assert misses(Softmax(), logits, ours, theirs).tolist() == [0, 0, 1]
    yes, no = torch.ones(2, 1), torch.zeros(2, 1)
    said = torch.tensor([[1.0], [-1.0]])
    assert misses(Sigmoid(), said, yes, yes).tolist() == [0, 1]
    assert misses(Sigmoid(), said, yes, no).tolist() == [0, 0]


def test_graphs_are_mixed_at_their_readout() -> None:
    """By hand: the pooled vectors of two graphs, mixed, through the head."""
    subject, index = trained("graphs"), torch.arange(6)
    model = subject.model
    ours, theirs = (subject.gather("train", some) for some in (index, index.flip(0) + 6))
    found = InBetween().along(subject, index, index.flip(0) + 6, (0.25,))
    pooled = [model.pooled(batch.inputs) for batch in (ours, theirs)]
    mixed = tuple(
        (0.25 * a + 0.75 * b).detach().requires_grad_() for a, b in zip(*pooled, strict=True)
    )
    logits = model(ours.inputs, edits={"readout": lambda _: mixed})
    label = 0.25 * ours.targets + 0.75 * theirs.targets
    grads = torch.autograd.grad(Softmax().value(logits, label).sum(), mixed)
    assert_close(found[1, 0].float(), torch.cat(grads, 1).norm(dim=1))
    outside = (ours.targets + theirs.targets).gather(1, logits.argmax(1)[:, None])[:, 0] == 0
    assert torch.equal(found[0, 0], outside.double())


def test_what_cannot_be_asked_is_refused(subject: Subject) -> None:
    with pytest.raises(SettingError, match="shares is 10: expected an odd number from 3"):
        InBetween(shares=10)
    with pytest.raises(SettingError, match="pairs is 0"):
        InBetween(pairs=0)
    with pytest.raises(PointError, match="'hiden1'.*did you mean 'hidden1'"):
        InBetween(point="hiden1").check(trained("tabular"))
    same = toy(net(3, 4), X, torch.zeros(N, dtype=torch.long), 4)
    InBetween(pairs=5).check(same)
    with pytest.raises(SettingError, match="no two examples with different labels"):
        InBetween(differing=True).check(same)
    codes = toy(torch.nn.Embedding(5, 4), Y, Y, 4)
    with pytest.raises(PointError, match="it holds integers"):
        InBetween(pairs=5).measure(codes)
    bare = replace(subject, data=replace(subject.data, validation=None))
    with pytest.raises(SettingError, match="no part 'validation'"):
        InBetween(part="validation").check(bare)
