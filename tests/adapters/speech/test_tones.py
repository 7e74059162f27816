"""The synthetic words: the same for the same seed, split by speaker, learnable, and named so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.errors import SettingError
from mixup_multi_adapters.speech import SpeechAdapter

TONES = SpeechAdapter.datasets["tones"]
NOWHERE = Path("nowhere")


@pytest.fixture(scope="module")
def tones() -> Data:
    return TONES.load(NOWHERE, Trial())


def inputs(source: object) -> torch.Tensor:
    assert isinstance(source, TensorSource)
    return source.gather(torch.arange(len(source))).inputs


def test_they_are_called_synthetic(tones: Data) -> None:
    assert TONES.summary.startswith("synthetic")
    assert TONES.fetch is None
    assert "synthetic" in tones.notes[0]


def test_sizes_and_shapes(tones: Data) -> None:
    assert tones.validation is not None
    assert [len(p) for p in (tones.train, tones.validation, tones.test)] == [600, 150, 150]
    assert len(tones.classes) == 10
    for part in (tones.train, tones.validation, tones.test):
        assert torch.bincount(part.labels).tolist() == [len(part) // 10] * 10
    batch = tones.test.gather(torch.arange(7))
    assert batch.inputs.shape == (7, 1, 161, 101)
    assert batch.inputs.isfinite().all()
    assert batch.targets.shape == (7, 10)


def test_no_speaker_is_in_two_parts(tones: Data) -> None:
    assert tones.validation is not None
    speakers = [
        {name.split("/")[1].split("_")[0] for name in part.ids}
        for part in (tones.train, tones.validation, tones.test)
    ]
    assert [len(s) for s in speakers] == [20, 5, 5]
    assert len(set.union(*speakers)) == 30


def test_labels_are_those_of_the_names(tones: Data) -> None:
    for name, label in zip(tones.test.ids, tones.test.labels.tolist(), strict=True):
        assert name.startswith(f"{tones.classes[label]}/")


def test_a_seed_decides_the_sound_and_a_trial_does_not() -> None:
    small = {"speakers": 6, "features": "waveform"}
    first = TONES.load(NOWHERE, Trial(), **small)
    same = TONES.load(NOWHERE, Trial(seed=3), **small)
    other = TONES.load(NOWHERE, Trial(), seed=1, **small)
    assert torch.equal(inputs(first.train), inputs(same.train))
    assert first.key == same.key != other.key
    assert not torch.equal(inputs(first.train), inputs(other.train))
    assert inputs(first.train).abs().max() < 1


@pytest.mark.parametrize("speakers", [5, 201])
def test_a_number_of_speakers_that_cannot_be_split_is_refused(speakers: int) -> None:
    with pytest.raises(SettingError, match=f"speakers: {speakers}"):
        TONES.load(NOWHERE, Trial(), speakers=speakers)


def test_they_can_be_learnt_and_not_by_the_mean_spectrum_alone(tones: Data) -> None:
    """Ridge regression on coarse spectrograms; without time it cannot tell the order of vowels."""

    def rows(source: object, over_time: int) -> torch.Tensor:
        coarse = torch.nn.functional.adaptive_avg_pool2d(inputs(source), (20, over_time))
        return torch.cat([coarse.flatten(1), torch.ones(len(coarse), 1)], 1).double()

    def error(over_time: int) -> float:
        x, y = rows(tones.train, over_time), tones.train.gather(torch.arange(600)).targets.double()
        weights = torch.linalg.solve(x.T @ x + 30 * torch.eye(x.shape[1]), x.T @ y)
        wrong = (rows(tones.test, over_time) @ weights).argmax(1) != tones.test.labels
        return float(wrong.double().mean())

    assert 0.05 < error(12) < 0.7
    assert error(1) > error(12) + 0.1
