"""What a legal spectrogram and a legal sound are, and that attacks within them are felt."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from attacked_data import errors, trained

from mixup_multi.attacks.presets import pgd
from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Data, Trial
from mixup_multi.engine.training import Training
from mixup_multi.errors import SettingError
from mixup_multi_adapters.speech import SpeechAdapter


def tones(**settings: object) -> Data:
    return SpeechAdapter.datasets["tones"].load(Path("none"), Trial(), speakers=12, **settings)


def bounds_of(data: Data) -> Bounds:
    bounds = Training(data).bounds()
    assert bounds is not None
    return bounds


def check_range(data: Data) -> Bounds:
    """Assert that the range is that of the training features, to the last bit."""
    bounds = bounds_of(data)
    inputs = data.train.gather(torch.arange(len(data.train))).inputs
    assert torch.equal(bounds.low, inputs.min())
    assert torch.equal(bounds.high, inputs.max())
    assert float(bounds.unit) == 1
    assert bounds.largest == pytest.approx(float(inputs.max() - inputs.min()))
    assert bounds.diameter == pytest.approx(bounds.largest * inputs[0].numel() ** 0.5)
    return bounds


def test_a_spectrogram_lies_where_those_of_training_do() -> None:
    assert check_range(tones()).words == "standard deviations of a clip"
    assert check_range(tones(features="log_mel")).words == "standard deviations of a clip"
    assert check_range(tones(normalise="none")).words == "log magnitudes"


def test_test_clips_have_the_bounds_of_training() -> None:
    data = tones()
    assert data.test.bounds() == data.validation.bounds() == bounds_of(data)


def test_a_sound_lies_between_minus_1_and_1() -> None:
    bounds = bounds_of(tones(features="waveform"))
    assert (float(bounds.low), float(bounds.high), float(bounds.unit)) == (-1, 1, 1)
    assert bounds.largest == 2
    assert bounds.diameter == pytest.approx(2 * 16_000**0.5)
    assert bounds.words == "amplitudes in [-1, 1]"


@pytest.mark.parametrize(
    ("features", "eps"), [("log_mel", 0.1), ("waveform", 0.01)], ids=["log_mel", "waveform"]
)
def test_attacks_on_tones_are_felt(features: str, eps: float) -> None:
    data = tones(features=features)
    settings = {"width": 0.25, "dropout": 0.0}
    net = trained(data, lambda: SpeechAdapter.models["lenet"](data, **settings), lr=1e-3, epochs=6)
    clean, worse = errors(data, net, pgd(eps=eps, step=eps / 4, steps=5), rows=60)
    assert clean < 70
    assert worse > clean + 15
    with pytest.raises(SettingError, match="eps is 99: expected at most"):
        pgd(eps=99).check(net, bounds_of(data))


def test_attacks_on_real_recordings_are_felt(real_speech: Path) -> None:
    load = SpeechAdapter.datasets["speech_commands_v2"].load
    data = load(real_speech, Trial(), words="ten", features="log_mel")
    settings = {"width": 0.25, "dropout": 0.0}
    net = trained(data, lambda: SpeechAdapter.models["lenet"](data, **settings), lr=1e-3, epochs=3)
    clean, worse = errors(data, net, pgd(eps=0.1, step=0.025, steps=5))
    assert clean < 75
    assert worse > clean + 10


def test_real_recordings_have_the_range_of_their_training_part(real_thirty: Data) -> None:
    bounds = check_range(real_thirty)
    assert -1 < float(bounds.low) < 0 < float(bounds.high) < 50
    with pytest.raises(SettingError, match="standard deviations of a clip$"):
        pgd(eps=99).check(torch.nn.Identity(), bounds)
