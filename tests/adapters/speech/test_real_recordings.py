"""The recordings at hand: counts, split and shapes are those that were counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DataError
from mixup_multi_adapters.speech import SpeechAdapter

load = SpeechAdapter.datasets["speech_commands_v2"].load


def counts(labels: Tensor) -> Tensor:
    return torch.bincount(labels)


def test_the_parts_have_the_sizes_of_the_lists(real_thirty: Data) -> None:
    assert real_thirty.validation is not None
    parts = (real_thirty.train, real_thirty.validation, real_thirty.test)
    assert [len(part) for part in parts] == [1753, 334, 670]
    per_word = [counts(part.labels) for part in parts]
    assert [(int(n.min()), int(n.max())) for n in per_word] == [(11, 146), (2, 36), (2, 67)]
    assert len(real_thirty.classes) == 30
    assert real_thirty.classes == tuple(sorted(real_thirty.classes))


def test_the_ten_commands_have_220_recordings_each(real_speech: Path) -> None:
    data = load(real_speech, Trial(), words="ten", features="waveform")
    assert data.validation is not None
    together = torch.cat([p.labels for p in (data.train, data.validation, data.test)])
    assert counts(together).tolist() == [220] * 10


def test_no_speaker_is_in_two_parts(real_thirty: Data) -> None:
    assert real_thirty.validation is not None
    train, validation, test = (
        {name.split("/")[1].split("_nohash_")[0] for name in part.ids}
        for part in (real_thirty.train, real_thirty.validation, real_thirty.test)
    )
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_the_test_part_is_that_of_torchaudio(real_speech: Path, real_thirty: Data) -> None:
    from torchaudio.datasets import SPEECHCOMMANDS

    official = SPEECHCOMMANDS(real_speech, url="speech_commands_v0.02", subset="testing")
    names = {official.get_metadata(i)[0].split("/", 1)[1] for i in range(len(official))}
    assert set(real_thirty.test.ids) == names


def test_labels_are_those_of_the_folders(real_thirty: Data) -> None:
    for name, label in zip(real_thirty.test.ids, real_thirty.test.labels.tolist(), strict=True):
        assert name.split("/")[0] == real_thirty.classes[label]


def test_inputs_are_standardised_spectrograms(real_thirty: Data) -> None:
    inputs = real_thirty.train.gather(torch.tensor([5, 0, 1752])).inputs
    assert inputs.shape == (3, 1, 161, 101)
    assert inputs.dtype == torch.float32
    torch.testing.assert_close(inputs.mean((1, 2, 3)), torch.zeros(3), atol=2e-3, rtol=0)
    torch.testing.assert_close(inputs.std((1, 2, 3)), torch.ones(3), atol=2e-3, rtol=0)
    assert real_thirty.facts["shape"] == (1, 161, 101)


def test_a_result_is_marked_as_one_of_a_subset(real_thirty: Data) -> None:
    assert real_thirty.notes == (
        "subset: 2,757 of 105,829 recordings; the split is that of the lists in the folder",
    )


def test_absent_words_are_named_and_the_thirty_offered(real_speech: Path) -> None:
    with pytest.raises(DataError, match="backward, follow, forward, learn, visual") as raised:
        load(real_speech, Trial())
    assert "words: thirty" in str(raised.value)


def test_silence_needs_the_noise_folder_and_eleven_does_not(real_speech: Path) -> None:
    with pytest.raises(DataError, match=r"_background_noise_.*words: eleven needs none"):
        load(real_speech, Trial(), words="twelve")


def test_another_release_is_not_taken_for_this_one(real_speech: Path) -> None:
    with pytest.raises(DataError, match=r"v0\.01.*mixup-multi data fetch speech_commands_v1"):
        SpeechAdapter.datasets["speech_commands_v1"].load(real_speech, Trial())
