"""The ten, eleven and twelve classes: which clips, how many, and none in two parts."""

from __future__ import annotations

import re

import pytest
import torch

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.speech import SpeechAdapter
from mixup_multi_adapters.speech.words import TEN, V1, V2

load = SpeechAdapter.datasets["speech_commands_v2"].load
OTHERS = ("bed", "cat", "visual")


def parts(data: Data) -> list:
    return [data.train, data.validation, data.test]


def test_the_releases_have_30_and_35_words() -> None:
    assert (len(V1), len(V2)) == (30, 35)
    assert set(V2) - set(V1) == {"backward", "follow", "forward", "learn", "visual"}


def test_eleven_adds_a_tenth_of_other_words(write_release) -> None:
    root = write_release((*TEN, *OTHERS)).parents[1]
    data = load(root, Trial(), words="eleven", features="waveform")
    assert data.classes == (*TEN, "_unknown_")
    unknown = [[n for n, y in zip(p.ids, p.labels, strict=True) if y == 10] for p in parts(data)]
    assert [len(names) for names in unknown] == [4, 1, 1]
    assert {name.split("/")[0] for names in unknown for name in names} <= set(OTHERS)
    assert [len(p) for p in parts(data)] == [44, 11, 11]
    again = load(root, Trial(seed=5), words="eleven", features="waveform")
    assert again.key == data.key


def test_twelve_adds_silence_from_stretches_of_the_noise_that_no_two_parts_share(
    write_release,
) -> None:
    root = write_release((*TEN, *OTHERS), noise=True).parents[1]
    data = load(root, Trial(), words="twelve", features="waveform", others=1.0)
    assert data.classes[-1] == "_silence_"
    starts = []
    for part, unknown, silent in zip(parts(data), (12, 3, 3), (40, 10, 10), strict=True):
        assert torch.bincount(part.labels)[10:].tolist() == [unknown, silent]
        names = [n for n in part.ids if n.startswith("_silence_/")]
        starts.append([int(re.split("[_/]", n)[-2]) for n in names])
    ends = [max(s) + 16_000 for s in starts]
    assert ends[0] <= min(starts[1])
    assert ends[1] <= min(starts[2])
    assert ends[2] <= 20 * 16_000
    silent_rows = (data.train.labels == 11).nonzero().squeeze(1)
    loudness = data.train.gather(silent_rows).inputs.std(1) * 32768
    assert 0 < float(loudness.max()) < 520  # the noise has 500, volumes are drawn from 0 to 1
    assert float(loudness.min()) < 0.5 * float(loudness.max())


def test_damaged_noise_is_an_error_that_names_it(write_release) -> None:
    folder = write_release((*TEN, *OTHERS), noise=True)
    noise = folder / "_background_noise_" / "hum.wav"
    noise.write_bytes(noise.read_bytes()[:100_000])
    with pytest.raises(DataError, match=r"hum\.wav: it is cut short.*words: eleven"):
        load(folder.parents[1], Trial(), words="twelve", damaged="skip")


def test_words_a_task_does_not_need_may_be_absent(write_release) -> None:
    root = write_release().parents[1]
    data = load(root, Trial(), words="ten")
    assert data.classes == TEN
    with pytest.raises(DataError, match=r"_unknown_.*words: ten"):
        load(root, Trial(), words="eleven")
    with pytest.raises(DataError, match=r"no recordings of bed, bird.*words: ten"):
        load(root, Trial(), words="thirty")


def test_settings_that_have_no_meaning_are_refused(write_release) -> None:
    root = write_release().parents[1]
    with pytest.raises(SettingError, match=r"others: 0\.0"):
        load(root, Trial(), words="ten", others=0.0)
    with pytest.raises(SettingError, match="before_padding"):
        load(root, Trial(), words="ten", features="waveform", normalise="before_padding")


def test_v1_is_read_from_its_own_folder(write_release) -> None:
    root = write_release(V1, version="0.01").parents[1]
    data = SpeechAdapter.datasets["speech_commands_v1"].load(root, Trial(), features="waveform")
    assert data.classes == V1
    assert data.notes[0].startswith("subset: 180 of 64,721 recordings")
