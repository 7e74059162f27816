"""Mixing by codecs: identities, what is cached, and what a codec never notices."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from codec_cases import Deaf, Fitted, Pretrained, Shortening, Squash, batch_of, data_of
from torch import Tensor, nn

from mixup_multi.attacks import Attack
from mixup_multi.bounds import Bounds
from mixup_multi.engine.training import Training
from mixup_multi.errors import PointError, SettingError
from mixup_multi.latent import Identity, Latent, Reconstructions
from mixup_multi.mix import BetaShare, Linear, Mix
from mixup_multi.objectives import ERM, LOSSES, MixupE, Objective, Vicinal
from mixup_multi.points import Staged
from mixup_multi.streams import stream

ROWS = torch.randn(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
both_blends = pytest.mark.parametrize("blend", [Latent, Reconstructions])


def net() -> Staged:
    torch.manual_seed(0)
    stages = {"input": nn.Linear(4, 5), "hidden": nn.Sequential(nn.Tanh(), nn.Linear(5, 3))}
    return Staged(stages).double()


def mixing(blend: object, points: str = "input", alpha: float = 1.0) -> Vicinal:
    return Vicinal(BetaShare(alpha), points=(points,), blend=blend)


def fitted(method: Objective, rows: Tensor = ROWS) -> Objective:
    return method.fit(Training(data_of(rows)))


def total(method: Objective, model: nn.Module, rows: Tensor = ROWS, seed: int = 3) -> Tensor:
    return method(model, batch_of(rows), stream(seed, "mix")).total


def same_gradients(first: Tensor, second: Tensor, model: nn.Module, atol: float = 0) -> None:
    weights = list(model.parameters())
    pairs = (torch.autograd.grad(value, weights, retain_graph=True) for value in (first, second))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=atol)


@both_blends
def test_the_identity_codec_is_input_mixup_bit_for_bit(blend):
    model = net()
    plain, coded = (total(fitted(mixing(b)), model) for b in (Linear(), blend(Identity())))
    assert torch.equal(plain, coded)
    same_gradients(plain, coded, model)


def test_an_affine_codec_mixes_codes_and_reconstructions_alike():
    """Its decoder is affine, so decoding a mixture is mixing what is decoded."""
    model, codec = net(), Pretrained().eval()
    decoded = codec.decode(codec.encode(ROWS)).detach()
    expected = total(fitted(mixing(Linear())), model, decoded)
    for blend in (Latent, Reconstructions):
        mixed = total(fitted(mixing(blend(Pretrained()))), model)
        torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-12)
        same_gradients(mixed, expected, model, atol=1e-12)


def test_varmixup_by_hand():
    """x' = decode(own mu_i + (1 - own) mu_j), which is not the mixture of reconstructions."""
    codec, mix = Squash(), Mix(torch.arange(9).roll(2), torch.tensor([0.7], dtype=torch.float64))
    x, labels = mixing(Latent(codec)).fit(Training(data_of(ROWS))).blend(ROWS, mix)
    expected = torch.tanh(0.7 * (0.7 * ROWS.sinh()) + 0.3 * (0.7 * ROWS.sinh()[mix.partner]))
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-12)
    assert labels is mix
    y, _ = mixing(Reconstructions(codec)).fit(Training(data_of(ROWS))).blend(ROWS, mix)
    r = torch.tanh(0.7 * ROWS.sinh())
    torch.testing.assert_close(y, 0.7 * r + 0.3 * r[mix.partner], rtol=0, atol=1e-12)
    assert (x - y).abs().max() > 0.01


@both_blends
@pytest.mark.parametrize("own", [1.0, 0.0])
def test_at_a_whole_share_a_row_is_a_reconstruction(blend, own):
    mix = Mix(torch.arange(9).roll(2), torch.tensor([own], dtype=torch.float64))
    mixed, _ = mixing(blend(Squash())).fit(Training(data_of(ROWS))).blend(ROWS, mix)
    expected = Squash().reconstruct(ROWS if own else ROWS[mix.partner])
    assert torch.equal(mixed, expected)


@both_blends
def test_without_mixing_it_is_erm_on_reconstructions(blend):
    model = net()
    coded = total(fitted(mixing(blend(Squash()), alpha=0.0)), model)
    assert torch.equal(coded, total(ERM(), model, Squash().reconstruct(ROWS)))
    assert not torch.equal(coded, total(ERM(), model))


@both_blends
def test_the_codec_is_frozen_in_evaluation_mode_and_what_was_given_is_left_alone(blend):
    codec, model = Pretrained().train(), net()
    method = fitted(mixing(blend(codec, cached=False)))
    inside = method.blend.fitted
    assert not inside.training
    assert not any(weight.requires_grad for weight in inside.parameters())
    before = {name: value.clone() for name, value in inside.state_dict().items()}
    torch.manual_seed(0)
    state = torch.get_rng_state()
    total(method, model).backward()
    assert torch.equal(torch.get_rng_state(), state)  # its dropout does nothing
    assert all(weight.grad is None for weight in inside.parameters())
    assert all(torch.equal(before[name], value) for name, value in inside.state_dict().items())
    assert all(weight.grad is not None for weight in model.parameters())
    assert codec.training
    assert all(weight.requires_grad and weight.grad is None for weight in codec.parameters())


def test_at_a_hidden_point_gradients_go_through_the_codec_to_the_layers_before():
    model = net()
    method = fitted(mixing(Latent(Squash()), points="hidden"), ROWS)
    batch = replace(batch_of(ROWS), rows=torch.arange(9))  # codes of inputs are no codes of these
    method(model, batch, stream(3, "mix")).total.backward()
    assert model.stages["input"].weight.grad.abs().max() > 0
    mix = method.draw(batch.targets, stream(3, "mix")).mix
    hidden = model.stages["input"](ROWS)
    codes = Squash().encode(hidden)
    mixed = mix.own * codes + (1 - mix.own) * codes[mix.partner]
    y = mix.own * batch.targets + (1 - mix.own) * batch.targets[mix.partner]
    expected = nn.functional.cross_entropy(model.stages["hidden"](torch.tanh(mixed)), y)
    torch.testing.assert_close(
        method(model, batch, stream(3, "mix")).total, expected, rtol=0, atol=1e-12
    )


@both_blends
def test_cached_codes_are_those_of_the_batch_where_nothing_is_augmented(blend):
    model, rows = net(), torch.tensor([7, 2, 2, 0])
    batch = Training(data_of(ROWS)).source.gather(rows)
    batch = replace(batch, targets=batch.targets.double())
    totals = [
        fitted(mixing(blend(Squash(), cached=cached)))(model, batch, stream(1, "mix")).total
        for cached in (True, False)
    ]
    torch.testing.assert_close(*totals, rtol=0, atol=1e-12)


def test_cached_codes_are_of_the_clean_examples_others_of_what_flows():
    clean, rows = data_of(ROWS), torch.tensor([7, 2, 2, 0])
    moved = replace(clean.train.gather(rows), inputs=ROWS[rows] + 0.1)
    mix = Mix(torch.tensor([1, 0, 3, 2]), torch.ones(1, dtype=torch.float64))

    def seen(cached: bool, places: Tensor | None) -> Tensor:
        blend = Latent(Squash(), cached).fit(Training(clean)).at(places)
        return blend(moved.inputs, mix)[0]

    assert torch.equal(seen(True, rows), Squash().reconstruct(ROWS[rows]))
    for cached, places in ((False, rows), (True, None)):
        assert torch.equal(seen(cached, places), Squash().reconstruct(moved.inputs))


def test_what_an_attack_made_of_a_batch_is_encoded_itself():
    """Its codes are no longer those of the clean examples."""
    train = Training(data_of(ROWS))
    batch = replace(train.source.gather(torch.arange(9)), targets=batch_of(ROWS).targets)
    attack, bounds = Attack(0.5, 0.5, start="none"), Bounds(torch.ones(()))
    _, attacked = attack.perturb(net(), batch, bounds, 0, LOSSES["softmax"])
    method = mixing(Latent(Squash()), alpha=0.0).fit(train)
    seen = replace(batch, inputs=Squash().reconstruct(attacked.inputs))
    expected = ERM()(net(), seen, stream(0, "mix")).total
    assert torch.equal(method(net(), attacked, stream(0, "mix")).total, expected)


def test_the_codes_are_computed_once_for_all_steps():
    calls = []

    class Counting(Squash):
        def encode(self, inputs: Tensor) -> Tensor:
            calls.append(len(inputs))
            return super().encode(inputs)

    data, model = data_of(torch.randn(1100, 4, dtype=torch.float64)), net()
    method = mixing(Latent(Counting())).fit(Training(data))
    assert calls == [512, 512, 76]
    batch = data.train.gather(torch.arange(8))
    method(model, replace(batch, targets=batch.targets.double()), stream(0, "mix"))
    assert len(calls) == 3


def test_mixupe_over_varmixup_takes_its_regulariser_on_the_clean_batch():
    model, inner = net(), mixing(Latent(Squash()))
    terms = fitted(MixupE(inner, eta=0.5))(model, batch_of(ROWS), stream(3, "mix"))
    mixed = total(fitted(inner), model)
    torch.testing.assert_close(terms.means["mixed_loss"], mixed, rtol=0, atol=1e-12)
    q = inner.loss_fn.fast_q(model(ROWS), batch_of(ROWS).targets)
    expected = inner.share.mean_rest * q.abs().mean()
    torch.testing.assert_close(terms.means["regulariser"], expected.detach(), rtol=0, atol=1e-12)
    together = fitted(MixupE(inner, eta=0.5, fused=True))(model, batch_of(ROWS), stream(3, "mix"))
    torch.testing.assert_close(together.total, terms.total, rtol=0, atol=1e-12)


def test_a_codec_that_is_fitted_is_asked_of_the_training_part():
    asked = []

    def workshop(codec, train):
        asked.append((codec, train.key))
        return codec.fit(train)

    state = torch.get_rng_state()
    train = Training(data_of(ROWS), workshop)
    method = mixing(Latent(Fitted(0.5))).fit(train)
    assert asked == [(Fitted(0.5), train.key)]
    assert method.blend.fitted == Squash(0.5)
    assert torch.equal(torch.get_rng_state(), state)  # whatever a stranger's fit draws
    assert method == mixing(Latent(Fitted(0.5)))


def test_what_is_no_codec_is_refused():
    with pytest.raises(SettingError, match=r"codec is a str: expected a codec.*\{name: mmd_vae\}"):
        Latent("mmd_vae")
    with pytest.raises(SettingError, match="object without encode and decode"):
        fitted(mixing(Latent(Deaf())))
    with pytest.raises(SettingError, match="not fitted: call the objective's fit"):
        total(mixing(Latent(Fitted())), net())


@both_blends
def test_a_codec_of_another_shape_is_refused(blend):
    method = fitted(mixing(blend(Shortening())))
    with pytest.raises(PointError, match=r"decodes \(9, 3\) where \(9, 4\) flow"):
        total(method, net())
