"""MixupE's steps: what is drawn, rescaled, clamped and counted, and the settings."""

from __future__ import annotations

import pytest
import torch
from mixupe_cases import ALPHA, CLASSES, C, data, mlp
from torch import nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix import BetaShare, FixedShare
from mixup_multi.objectives import ERM, MixupE, Terms, Vicinal
from mixup_multi.objectives.mixupe import FORMS
from mixup_multi.objectives.presets.mixing import (
    cutmix,
    mixup,
    mixupe,
    mixupe_exact,
    mixupe_released,
)
from mixup_multi.streams import stream

MEAN = torch.ones(3)


def with_norm() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, CLASSES))


@pytest.mark.parametrize("form", FORMS)
def test_eta_zero_is_the_inner_method_bit_for_bit(form, gradients):
    batch = Batch(data().inputs.float(), data().targets.float())
    results = []
    for method in (mixup(alpha=ALPHA), MixupE(mixup(alpha=ALPHA), 0.0, form)):
        net, generator = with_norm(), stream(4, "mix")
        terms = method(net, batch, generator)
        state = dict(net.state_dict())
        results.append((terms, gradients(terms.total, net), state, generator.get_state()))
    (one, grad, state, after), (other, grad_, state_, after_) = results
    assert torch.equal(one.total, other.total)
    assert torch.equal(grad, grad_)
    assert state["1.num_batches_tracked"] == 1
    assert all(torch.equal(state[name], state_[name]) for name in state)
    assert torch.equal(after, after_)


@pytest.mark.parametrize("per", ["batch", "row"])
@pytest.mark.parametrize("inner", [mixup, cutmix])
def test_it_draws_what_its_inner_method_draws_and_nothing_else(inner, per):
    targets = data().targets
    drawn = []
    for method in (inner(per=per), MixupE(inner(per=per), 1.0)):
        generator = stream(4, "mix")
        drawn.append((method.draw(targets, generator), generator.get_state()))
    (one, after), (other, after_) = drawn
    assert torch.equal(one.mix.own, other.mix.own)
    assert torch.equal(one.mix.partner, other.mix.partner)
    assert one.where == other.where
    assert (one.blend is None) == (inner is mixup)
    assert one.blend is None or torch.equal(one.blend, other.blend)
    assert torch.equal(after, after_)


@pytest.mark.parametrize("form", FORMS)
def test_alpha_to_zero_is_erm(form, close, gradients):
    net, batch = mlp(), data()
    tiny = MixupE(mixup(alpha=1e-9), 1.0, form, mean=MEAN)(net, batch, stream(0, "mix"))
    plain = ERM()(net, batch, stream(0, "mix"))
    close(tiny.total, plain.total, 1e-7)
    close(gradients(tiny.total, net), gradients(plain.total, net), 1e-7)
    assert tiny.means["regulariser"].abs() < 1e-7
    none = MixupE(mixup(alpha=0.0), 1.0, form, mean=MEAN)(net, batch, stream(0, "mix"))
    assert torch.equal(none.total, plain.total)
    assert torch.equal(gradients(none.total, net), gradients(plain.total, net))


def cancelling() -> tuple[nn.Module, Batch, Terms]:
    """A step of version 4 with eta such that L_mix and eta R cancel: rows are nearly right."""
    net, batch = mlp(), data()
    with torch.no_grad():
        labels = net(batch.inputs).argmax(1)
    batch = Batch(batch.inputs, as_targets(labels, CLASSES, torch.float64))
    terms = MixupE(mixup(alpha=ALPHA), 1.0, "released_v4")(net, batch, stream(0, "mix"))
    assert terms.means["regulariser"] > 0
    return net, batch, terms


@pytest.mark.parametrize("off", [0.0, 0.01])
def test_a_vanishing_denominator_is_clamped_and_counted(off, close, gradients):
    net, batch, terms = cancelling()
    eta = (1 - off) * (terms.means["mixed_loss"] / terms.means["regulariser"]).item()
    near = MixupE(mixup(alpha=ALPHA), eta, "released_v4")(net, batch, stream(0, "mix"))
    assert near.counts["etahat_clamped"] == 1
    assert near.means["etahat"] == 10
    mixed = terms.means["mixed_loss"].item()
    assert near.total.item() == pytest.approx(10 * off * mixed, abs=1e-9)
    inner = gradients(mixup(alpha=ALPHA)(net, batch, stream(0, "mix")).total, net)
    clean = gradients(ERM()(net, batch, stream(0, "mix")).total, net)
    close(gradients(near.total, net), 10 * (inner + eta * C * clean))


def test_an_ordinary_step_is_not_clamped_and_an_overshooting_one_keeps_its_magnitude():
    net, batch, terms = cancelling()
    assert terms.counts["etahat_clamped"] == 0
    eta = 3 * (terms.means["mixed_loss"] / terms.means["regulariser"]).item()
    beyond = MixupE(mixup(alpha=ALPHA), eta, "released_v4")(net, batch, stream(0, "mix"))
    assert beyond.counts["etahat_clamped"] == 0
    assert beyond.means["etahat"].item() == pytest.approx(0.5)
    assert beyond.total.item() == pytest.approx(-terms.means["mixed_loss"].item())


def test_the_papers_etahat_is_at_most_one():
    """The worked example: L_mix 1.5, R .8, eta .5 give .789474 and leave the value 1.5."""
    from mixup_multi.objectives.mixupe import rescale

    total, etahat, clamped = rescale(torch.tensor(1.5), torch.tensor(0.5 * 0.8))
    assert etahat.item() == pytest.approx(0.789474, abs=1e-6)
    assert total.item() == pytest.approx(1.5)
    assert clamped == 0


def test_the_clean_pass_sees_the_clean_batch_and_both_passes_update_batch_norm():
    batch = Batch(data().inputs.float(), data().targets.float())
    net, by_hand = with_norm(), with_norm()
    MixupE(mixup(alpha=ALPHA), 1.0)(net, batch, stream(0, "mix"))
    mixup(alpha=ALPHA)(by_hand, batch, stream(0, "mix"))
    by_hand(batch.inputs)
    assert net[1].num_batches_tracked == 2
    assert torch.equal(net[1].running_mean, by_hand[1].running_mean)
    assert torch.equal(net[1].running_var, by_hand[1].running_var)


def test_the_weight_of_the_regulariser_is_that_of_the_inner_share(close):
    net, batch = mlp(), data()
    for share, weight in ((BetaShare(1.0), 1 / 3), (FixedShare(0.25), 0.375)):
        method = MixupE(Vicinal(share), 1.0)
        q = method.inner.loss_fn.fast_q(net(batch.inputs), batch.targets)
        got = method(net, batch, stream(0, "mix")).means["regulariser"]
        close(got, (weight * q.abs().mean()).detach())


def test_presets_are_the_papers_the_exact_and_the_released():
    paper, exact, released = mixupe(), mixupe_exact(), mixupe_released()
    assert (paper.form, paper.fused) == ("paper_abs", False)
    assert exact.form == "exact_abs"
    assert (released.form, released.threshold, released.eta) == ("released_v3", 1.0, 0.001)
    assert released.inner.share == BetaShare(2.0)
    assert mixupe(inner=cutmix(alpha=0.5)).inner.share == BetaShare(0.5)


@pytest.mark.parametrize("eta", [-0.1, float("nan"), float("inf")])
def test_an_impossible_eta_is_refused(eta):
    with pytest.raises(SettingError, match=r"eta is .*expected a number >= 0"):
        mixupe(eta=eta)


def test_an_unknown_form_is_refused():
    with pytest.raises(SettingError, match="form is 'abs': expected one of paper_abs"):
        mixupe(form="abs")


def test_a_point_that_is_not_offered_is_refused():
    with pytest.raises(PointError, match="'readout', which this model does not offer"):
        mixupe(points="readout").check(mlp())


def test_settings_beside_inner_that_would_do_nothing_are_refused():
    with pytest.raises(SettingError, match="no effect beside inner"):
        mixupe(alpha=0.4, inner=cutmix())
    assert mixupe(eta=0.5, inner=cutmix(alpha=0.4)).inner.share.alpha == 0.4


def test_an_extrapolating_share_within_mixupe_is_refused():
    with pytest.raises(SettingError, match="reward"):
        MixupE(Vicinal(FixedShare(1.2)))
