"""The MMD-VAE: its loss by hand, what it learns, that it repeats itself, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from codec_cases import IN_RANGE, data_of, source_of, waves
from torch import Tensor

from mixup_multi import door
from mixup_multi.attacks import Attack
from mixup_multi.attacks.presets import pgd
from mixup_multi.engine.sealed import DamagedError
from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.engine.training import Training
from mixup_multi.errors import DataError, DivergedError, PointError, SettingError
from mixup_multi.latent import MMDVAE, AdvMMDVAE, Kernel, Progress, Saved, mmd
from mixup_multi.latent.codec import entry_of
from mixup_multi.latent.networks import Coder
from mixup_multi.latent.saved import write_codec
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.tabular import TabularAdapter

SMALL = MMDVAE(latent=4, epochs=3, batch_size=32, lr=3e-3, width=8)
PGD = Attack(0.1, 0.05, 3)


def weights(fitted: torch.nn.Module) -> Tensor:
    return torch.cat([value.flatten() for value in fitted.state_dict().values()])


def fit(codec: MMDVAE = SMALL, data: Data | None = None, **progress: object) -> torch.nn.Module:
    train = Training(data_of(waves()) if data is None else data)
    return codec.fit(train, Progress(**progress))


def test_the_loss_is_gamma_mmd_plus_the_mean_square_error_of_a_sampled_code():
    codec, images = replace(SMALL, gamma=0.3, kernel="rbf", sigma=2.0), waves(6)
    coder = codec.rehearse(Training(data_of(images))).coder
    terms = codec.terms(coder, images, None, torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    mean, deviation = coder.posterior(images)
    z = mean + deviation * torch.randn(6, 4, generator=generator)
    distance = mmd(z, torch.randn(6, 4, generator=generator), Kernel("rbf", 2.0))
    missed = ((coder.decoder(z) - images) ** 2).sum() / images.numel()
    torch.testing.assert_close(terms["mmd"], distance)
    torch.testing.assert_close(terms["reconstruction"], missed)
    torch.testing.assert_close(terms["loss"], 0.3 * distance + missed)


@pytest.mark.parametrize(
    "shape", [(1, 28, 28), (3, 32, 32), (1, 161, 101), (2, 6, 5), (1, 1, 7), (5,)]
)
def test_networks_fit_images_of_any_size_and_rows(shape):
    coder = Coder(shape, latent=3, width=4)
    inputs = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    mean, deviation = coder.posterior(inputs)
    assert mean.shape == deviation.shape == (2, 3)
    assert (deviation > 0).all()
    assert coder(inputs).shape == inputs.shape
    alone = torch.cat([coder.posterior(row)[0] for row in inputs.split(1)])
    torch.testing.assert_close(mean, alone)  # no example sees another


def test_it_decodes_unseen_digits_far_better_than_the_mean_image():
    """After 10 epochs at most 0.15 of the mean image's error is left (0.10 was measured)."""
    digits = ImageAdapter().datasets["digits"].load(Path(), Trial())
    fitted = fit(MMDVAE(latent=32, epochs=10, batch_size=64, lr=5e-3, width=8), digits)
    images = digits.test.gather(torch.arange(len(digits.test))).inputs
    with torch.no_grad():
        codes = fitted.encode(images)
        missed = (fitted.decode(codes) - images).square().mean()
        halfway = fitted.decode((codes[:-1] + codes[1:]) / 2)
    assert missed < 0.15 * (digits.train.mean() - images).square().mean()
    assert halfway.isfinite().all()
    assert codes.std(0).mean() > 0.1  # the latent space is in use


def test_it_decodes_unseen_rows_of_a_table_better_than_the_mean_row():
    """At most a tenth of the mean row's error is left (0.01 was measured)."""
    iris = TabularAdapter().datasets["sklearn_iris"].load(Path(), Trial())
    fitted = fit(MMDVAE(latent=3, epochs=60, batch_size=16, lr=3e-3), iris)
    rows = iris.test.gather(torch.arange(len(iris.test))).inputs
    with torch.no_grad():
        missed = (fitted.decode(fitted.encode(rows)) - rows).square().mean()
    assert missed < 0.1 * (iris.train.mean() - rows).square().mean()


def test_the_mmd_draws_codes_to_the_normal_law():
    data, distances = data_of(waves()), []
    normal = torch.randn(96, 4, generator=torch.Generator().manual_seed(9))
    for gamma in (0.0, 10.0):
        codec = replace(SMALL, gamma=gamma, kernel="imq", epochs=30)
        codes = fit(codec, data).encode(waves()).detach()
        distances.append(mmd(codes, normal, Kernel("imq")).item())
    assert distances[1] < 0.2 * distances[0]


def test_equal_settings_give_equal_bits_and_the_global_generator_stays():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, second = fit(), fit()
    assert torch.equal(weights(first), weights(second))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(weights(first), weights(fit(replace(SMALL, seed=1))))


@pytest.mark.parametrize("attack", [None, PGD])
def test_resumed_equals_uninterrupted_bit_for_bit(tmp_path, attack):
    codec, data = replace(SMALL, attack=attack), data_of(waves(), bounds=IN_RANGE)
    told: list[list[dict[str, float]]] = [[], []]
    whole = fit(codec, data, on_epoch=told[0].append)
    path = tmp_path / "checkpoint.pt"

    def stop(record: dict[str, float]) -> None:
        if record["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(codec, data, checkpoint=path, on_epoch=stop)
    resumed = fit(codec, data, checkpoint=path, on_epoch=told[1].append)
    assert torch.equal(weights(whole), weights(resumed))
    losses = [[record["loss"] for record in one] for one in told]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 3


def test_a_damaged_checkpoint_is_set_aside_and_the_fit_begins_anew(tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"no checkpoint")
    assert torch.equal(weights(fit(checkpoint=path)), weights(fit()))
    assert (tmp_path / "checkpoint.pt.damaged-1").exists()


def test_under_attack_the_encoder_sees_the_worst_neighbour_and_the_aim_stays_clean():
    codec, images = replace(SMALL, attack=PGD), waves(8)
    coder = codec.rehearse(Training(data_of(images, bounds=IN_RANGE))).coder
    seen: list[Tensor] = []
    handle = coder.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    terms = codec.terms(coder, images, IN_RANGE, torch.Generator().manual_seed(0))
    handle.remove()
    attacked = seen[-1]  # the passes before are the attack's
    assert (attacked - images).abs().max() <= 2 * PGD.eps + 1e-6  # a pixel of [0, 1] is two here
    assert attacked.abs().max() <= 1
    with torch.no_grad():
        clean, worst = ((coder(x) - images).square().mean() for x in (images, attacked))
    assert worst > clean
    assert all(weight.grad is None for weight in coder.parameters())
    terms["loss"].backward()
    assert coder.encoder[0][0].weight.grad.abs().max() > 0


def test_a_codec_trained_under_attack_withstands_it_better():
    data, test = data_of(waves(), bounds=IN_RANGE), waves(200)[96:]
    missed = []
    for attack in (None, Attack(0.2, 0.1, 3)):
        fitted = fit(replace(SMALL, epochs=40, attack=attack), data)
        codec = replace(SMALL, attack=Attack(0.2, 0.05, 10))
        attacked = codec.attacked(fitted.coder, test, IN_RANGE, torch.Generator().manual_seed(0))
        with torch.no_grad():
            missed.append((fitted.decode(fitted.encode(attacked)) - test).square().mean().item())
    assert missed[1] < 0.6 * missed[0]


def test_what_is_decoded_lies_in_the_range_of_the_data():
    images, narrow = waves(), replace(IN_RANGE, high=torch.tensor(0.1))
    free, bounded = fit(), fit(data=data_of(images, bounds=narrow))
    codes = free.encode(images)
    assert torch.equal(codes, bounded.encode(images))
    assert free.decode(codes).max() > 0.2
    assert torch.equal(bounded.decode(codes), free.decode(codes).clamp(-1, 0.1))
    assert bounded.encode(images.double()).shape == (96, 4)


def test_a_saved_codec_is_the_fitted_one_for_its_own_data_only(tmp_path):
    path, data = tmp_path / "codec.pt", data_of(waves(), "mine", bounds=IN_RANGE)
    codec = replace(SMALL, attack=PGD)
    fitted = fit(codec, data)
    write_codec(path, codec, fitted, Training(data), {"data": data.name})
    read = Saved(str(path)).fit(Training(data))
    images = waves(5)
    assert torch.equal(read.encode(images), fitted.encode(images))
    assert torch.equal(read.decode(9 * images[:, 0, 0, :4]), fitted.decode(9 * images[:, 0, 0, :4]))
    other = Training(replace(data, key="yours"))
    with pytest.raises(DataError, match=r"fitted on other data \(toy\) than these, or on another"):
        Saved(str(path)).fit(other)
    split = replace(data, train=source_of(waves(95)))
    with pytest.raises(DataError, match="fitted on other data"):
        Saved(str(path)).fit(Training(split))
    with pytest.raises(DataError, match="expected the file of a fitted codec"):
        Saved(str(tmp_path / "none.pt")).fit(Training(data))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedError, match="checksum"):
        Saved(str(path)).rehearse(Training(data))


def test_settings_survive_as_a_recipes_entry():
    for codec in (SMALL, replace(SMALL, attack=PGD), Saved("codec.pt")):
        assert door.make(door.CODECS, entry_of(codec)) == codec
    settings = {"latent": 8, "attack": {"name": "pgd", "eps": "4/255"}}
    resolved = door.check_settings(door.load(door.CODECS, "mmd_vae"), settings)
    made = door.make(door.CODECS, {"name": "mmd_vae", **resolved})
    assert made.latent == 8
    adversarial = door.check_settings(door.load(door.CODECS, "adv_mmd_vae"), {"latent": 8})
    found = door.make(door.CODECS, {"name": "adv_mmd_vae", **adversarial})
    assert found == AdvMMDVAE(latent=8, attack=pgd())
    assert door.make(door.CODECS, entry_of(found)) == found
    assert made.attack.eps == pytest.approx(4 / 255)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("latent", 0), ("epochs", 0), ("batch_size", 1), ("width", 0), ("gamma", -0.1),
        ("gamma", float("nan")), ("lr", 0.0), ("lr", float("inf")), ("sigma", 0.0),
        ("kernel", "cubic"), ("attack", replace(PGD, targeted=True)),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(SettingError, match=rf"{setting} is .*expected") as error:
        replace(SMALL, **{setting: value})
    assert error.value.path == (setting,)


def test_data_that_cannot_be_decoded_are_refused_before_any_fit():
    for inputs in (torch.zeros(4, 3, dtype=torch.int64), {"numeric": torch.zeros(4, 3)}):
        source = TensorSource(inputs, torch.zeros(4, dtype=torch.int64), 3, list("abcd"))
        data = Data("codes", source, source, None, ("a", "b", "c"), "key")
        with pytest.raises(PointError, match="One-hot encode .*varmixup_readout"):
            SMALL.rehearse(Training(data))
    with pytest.raises(SettingError, match=r"shape \(2, 3\) have no encoder"):
        SMALL.rehearse(Training(data_of(torch.zeros(4, 2, 3))))
    with pytest.raises(PointError, match="what a legal perturbation is"):
        replace(SMALL, attack=PGD).rehearse(Training(data_of(waves())))
    with pytest.raises(SettingError, match="eps is 8: expected at most 1"):
        replace(SMALL, attack=Attack(8.0, 0.1)).rehearse(
            Training(data_of(waves(), bounds=IN_RANGE))
        )


def test_a_fit_that_diverges_says_so():
    with pytest.raises(DivergedError, match="codec's loss is no longer finite in its epoch"):
        fit(data=data_of(1e30 * waves()))
