"""RegMixup: its sum, and its released program written out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from mixup_multi import door
from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import SettingError
from mixup_multi.mix import BetaShare
from mixup_multi.objectives import ERM, RegMixup, Vicinal
from mixup_multi.points import Staged
from mixup_multi.streams import stream

N, CLASSES = 7, 3
LABELS = torch.arange(N) % CLASSES


def net() -> Staged:
    torch.manual_seed(0)
    stages = {
        "input": nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU()),
        "head": nn.Linear(6, CLASSES),
    }
    return Staged(stages).double()


def rows() -> Batch:
    inputs = torch.randn(N, 4, generator=stream(0, "mix"), dtype=torch.float64)
    return Batch(inputs, as_targets(LABELS, CLASSES, torch.float64))


@pytest.mark.parametrize("eta", [0.3, 1.0, 2.0])
def test_the_papers_form_is_the_sum_of_both_losses(eta, close):
    inner, data = Vicinal(BetaShare(20.0)), rows()
    total = RegMixup(inner, eta)(net(), data, stream(3, "mix")).total
    plain, mixed = (m(net(), data, stream(3, "mix")).total for m in (ERM(), inner))
    close(total, plain + eta * mixed)


def test_the_released_form_is_its_program_over_the_concatenated_batch(close):
    method, data, ours, theirs = RegMixup(form="released"), rows(), net(), net()
    draw = method.draw(data.targets, stream(3, "mix"))
    lam, index = draw.mix.own.item(), draw.mix.partner
    mixed = lam * data.inputs + (1 - lam) * data.inputs[index]
    logits = theirs(torch.cat([data.inputs, mixed]))
    first, second = torch.cat([LABELS, LABELS]), torch.cat([LABELS, LABELS[index]])
    expected = lam * functional.cross_entropy(logits, first)
    expected += (1 - lam) * functional.cross_entropy(logits, second)
    close(method.loss(ours, data, draw).total, expected)
    for name, value in theirs.state_dict().items():  # BatchNorm has seen both, once
        close(ours.state_dict()[name], value)


def test_without_mixing_it_is_plain_training_but_for_the_papers_factor(close):
    data = rows()
    plain = ERM()(net(), data, stream(0, "mix")).total
    never = Vicinal(BetaShare(0.0))
    close(RegMixup(never, 0.5, "released")(net(), data, stream(0, "mix")).total, plain)
    close(RegMixup(never, 0.5, "paper")(net(), data, stream(0, "mix")).total, 1.5 * plain)


def test_its_training_error_is_that_of_the_clean_rows(close):
    data = rows()
    terms = RegMixup()(net(), data, stream(0, "mix"))
    plain = ERM()(net(), data, stream(0, "mix"))
    close(terms.means["error"], plain.means["error"])
    close(terms.means["clean_loss"], plain.total)
    close(terms.total, terms.means["clean_loss"] + terms.means["mixed_loss"])


def test_any_method_that_mixes_can_be_the_regulariser():
    made = door.build_objective(
        {"name": "regmixup", "inner": {"name": "manifold_mixup", "points": "head"}, "eta": 0.5}
    )
    assert made.inner.points == ("head",)
    refused = {"name": "regmixup", "inner": {"name": "manifold_mixup"}, "alpha": 0.2}
    with pytest.raises(SettingError, match="no effect beside inner"):
        door.build_objective(refused)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"eta": -1.0}, "eta is -1.0: expected"), ({"form": "code"}, "expected paper or released")],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        RegMixup(**settings)
