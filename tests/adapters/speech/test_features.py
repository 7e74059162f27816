"""The front end against one written clip by clip in numpy and scipy, and its own rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import get_window

from mixup_multi.errors import SettingError
from mixup_multi_adapters.speech.features import FrontEnd, mel_filters

LENGTHS = torch.tensor([16_000, 12_288, 3_413, 161, 15_999])


@pytest.fixture
def waves() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    waves = 0.1 * torch.randn(len(LENGTHS), 16_000, generator=generator)
    for wave, length in zip(waves, LENGTHS.tolist(), strict=True):
        wave[length:] = 0
    return waves


def spectrogram(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """One clip, as the protocol's code does it: 161 x 101, z-scored after the padding."""
    padded = np.pad(sound, 160, mode="reflect")
    window = get_window("hamming", 320)
    starts = range(0, len(padded) - 319, 160)
    frames = [np.abs(np.fft.rfft(window * padded[s : s + 320])) for s in starts]
    logs = np.log1p(np.stack(frames, 1))
    logs = np.hstack([logs, np.zeros((161, 101 - logs.shape[1]))])
    return (logs - logs.mean()) / logs.std(ddof=1)


def test_it_equals_an_independent_computation(waves: torch.Tensor) -> None:
    ours = FrontEnd()(waves, LENGTHS)
    theirs = [
        spectrogram(w[:n].double().numpy()) for w, n in zip(waves, LENGTHS.tolist(), strict=True)
    ]
    assert ours.shape == (5, 1, 161, 101)
    np.testing.assert_allclose(ours.squeeze(1), np.stack(theirs), atol=2e-5)


@pytest.mark.parametrize("normalise", ["after_padding", "before_padding", "none"])
@pytest.mark.parametrize("mels", [None, 40])
def test_a_batch_is_its_clips_one_by_one(waves, normalise, mels) -> None:
    front_end = FrontEnd(mels, normalise)
    single = [front_end(waves[i : i + 1], LENGTHS[i : i + 1]) for i in range(len(waves))]
    torch.testing.assert_close(front_end(waves, LENGTHS), torch.cat(single), atol=1e-5, rtol=1e-5)


def test_padding_before_the_statistics_shows_in_them_and_after_does_not(waves) -> None:
    after, before = (
        FrontEnd(normalise=n)(waves, LENGTHS) for n in ("after_padding", "before_padding")
    )
    own = before[1, :, :, : 12_288 // 160 + 1]
    assert abs(float(own.mean())) < 1e-5
    assert abs(float(own.std()) - 1) < 1e-4
    assert (before[1, :, :, 12_288 // 160 + 1 :] == 0).all()
    assert (after[1, :, :, 12_288 // 160 + 1 :] < -0.5).all()
    torch.testing.assert_close(after[0], before[0])


def test_without_normalisation_values_are_log_magnitudes(waves) -> None:
    logs = FrontEnd(normalise="none")(waves, LENGTHS)
    assert float(logs.min()) == 0
    expected = torch.stft(
        waves[:1], 320, 160, window=torch.hamming_window(320), return_complex=True
    ).abs()
    torch.testing.assert_close(logs[0], expected.log1p(), atol=1e-5, rtol=1e-4)


def test_digital_silence_is_finite_and_has_a_finite_slope() -> None:
    silent = torch.zeros(2, 16_000, requires_grad=True)
    features = FrontEnd()(silent)
    assert features.isfinite().all()
    (slope,) = torch.autograd.grad(features.square().sum(), silent)
    assert slope.isfinite().all()


def test_mel_filters_are_those_of_torchaudio() -> None:
    from torchaudio.functional import melscale_fbanks

    expected = melscale_fbanks(161, 0, 8000, 40, 16_000)
    torch.testing.assert_close(mel_filters(40), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mels", [0, 128])
def test_mel_bands_that_cannot_be_told_apart_are_refused(mels: int) -> None:
    with pytest.raises(SettingError, match=f"mels: {mels}"):
        FrontEnd(mels)
