"""Corruptions of sound: sizes in the units that they are stated in, and features made anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mixup_multi.engine.shifted import Draws, draws_for
from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DataError
from mixup_multi_adapters.speech import SpeechAdapter
from mixup_multi_adapters.speech.corruptions import (
    SoundCorruption,
    clipping,
    gain,
    noise,
    reverberation,
    time_shift,
)


def draws(n: int) -> Draws:
    return draws_for([str(row) for row in range(n)], "test", 0)


@pytest.fixture(scope="module")
def waves() -> Tensor:
    """Four tones of different loudness, the last of which ends early."""
    time = torch.arange(16_000) / 16_000
    tones = torch.stack([(6.2832 * f * time).sin() for f in (220, 440, 700, 1000)])
    tones = tones * torch.tensor([0.5, 0.1, 0.02, 0.3])[:, None]
    tones[3, 9_000:] = 0
    return tones


@pytest.fixture(scope="module")
def sounding() -> Tensor:
    mask = torch.ones(4, 16_000)
    mask[3, 9_000:] = 0
    return mask


@pytest.mark.parametrize(("severity", "decibels"), list(enumerate((20, 15, 10, 5, 0), start=1)))
def test_noise_has_its_ratio_to_each_recording(
    waves: Tensor, sounding: Tensor, severity: int, decibels: int
) -> None:
    added = noise(waves, sounding, severity, draws(4)) - waves
    ratio = 10 * (waves.square().sum(1) / added.square().sum(1)).log10()
    torch.testing.assert_close(ratio, torch.full((4,), float(decibels)), atol=0.15, rtol=0)
    assert (added[3, 9_000:] == 0).all()
    silent = noise(torch.zeros_like(waves), sounding, severity, draws(4))
    assert (silent == 0).all()


def test_clipping_is_relative_to_the_loudest(waves: Tensor, sounding: Tensor) -> None:
    found = clipping(waves, sounding, 4, draws(4))
    torch.testing.assert_close(found.abs().amax(1), 0.1 * waves.abs().amax(1))
    quiet = waves.abs() <= 0.1 * waves.abs().amax(1, keepdim=True)
    assert torch.equal(found[quiet], waves[quiet])


def test_shifts_go_either_way_and_fill_with_silence(sounding: Tensor) -> None:
    ramp = torch.arange(1.0, 16_001).expand(40, -1)
    found = time_shift(ramp, sounding, 2, draws(40))
    late = found[:, 0] == 0
    assert 8 < int(late.sum()) < 32
    assert torch.equal(found[late][0, 1_600:], ramp[0, :-1_600])
    assert torch.equal(found[~late][0, :-1_600], ramp[0, 1_600:])
    assert (found[~late][0, -1_600:] == 0).all()


@pytest.mark.parametrize(("severity", "decibels"), list(enumerate((-10, -6, -3, 0, 3), start=1)))
def test_the_echo_of_a_click_has_its_energy_and_its_decay(severity: int, decibels: int) -> None:
    click = torch.zeros(30, 16_000)
    click[:, 100] = 1.0
    echo = reverberation(click, torch.ones_like(click), severity, draws(30)) - click
    assert echo[:, :101].abs().max() < 1e-5  # nothing before the click
    energy = 10 * echo.square().sum(1).log10()
    torch.testing.assert_close(energy, torch.full((30,), float(decibels)), atol=0.1, rtol=0)
    decay = (0.1, 0.2, 0.4, 0.7, 1.0)[severity - 1]
    first, later = (
        echo[:, 101 + start : 101 + start + 400].square().mean() for start in (0, int(decay * 8000))
    )
    assert (10 * (first / later).log10()).item() == pytest.approx(30, abs=2)  # half of 60 dB


def test_gain_is_in_decibels(waves: Tensor, sounding: Tensor) -> None:
    found = gain(waves, sounding, 5, draws(4))
    torch.testing.assert_close(found, waves * 10**-1.5)


@pytest.mark.parametrize("features", ["spectrogram", "log_mel", "waveform"])
@pytest.mark.parametrize("normalise", ["after_padding", "none"])
def test_features_of_unchanged_sound_are_the_stored_ones(features: str, normalise: str) -> None:
    """Also those of a recording that is shorter than a second, in the made-up release below."""
    tones = SpeechAdapter.datasets["tones"].load(
        Path(), Trial(), speakers=6, features=features, normalise=normalise
    )
    check_unchanged(tones)


@pytest.mark.parametrize("normalise", ["after_padding", "before_padding"])
def test_short_recordings_keep_their_length(
    write_release: Callable[..., Path], normalise: str
) -> None:
    folder = write_release()
    data = SpeechAdapter.datasets["speech_commands_v2"].load(
        folder.parents[1], Trial(), normalise=normalise, words="ten"
    )
    check_unchanged(data, "train")
    (folder / "yes" / "aaaa0001_nohash_0.wav").unlink()
    row = list(data.train.ids).index("yes/aaaa0001_nohash_0.wav")
    gone = data.shifts.made["gain"].of(data.train, 1, 0)
    with pytest.raises(DataError, match="aaaa0001_nohash_0.wav"):
        gone.gather(torch.tensor([row]))


def check_unchanged(data: Data, part: str = "test") -> None:
    found = data.shifts.made["gain"]
    assert isinstance(found, SoundCorruption)
    same = SoundCorruption("same", lambda w, s, severity, d: w, found.front_end, found.sounds)
    source = getattr(data, part)
    index = torch.arange(min(len(source), 20))
    new = same.of(source, 1, 0).gather(index)
    clean = source.gather(index)
    # A transform of a batch of another size may round differently in the last bit of float16.
    torch.testing.assert_close(new.inputs, clean.inputs, atol=4e-3, rtol=1e-3)
    assert torch.equal(new.targets, clean.targets)


def test_real_recordings_are_read_again(real_thirty: Data) -> None:
    check_unchanged(real_thirty)
    noisy = real_thirty.shifts.made["noise"].of(real_thirty.test, 5, 0)
    clean = real_thirty.test.gather(torch.arange(8)).inputs
    assert (noisy.gather(torch.arange(8)).inputs - clean).square().mean() > 0.1
