"""Recordings that are not what they claim to be: fatal by name, or left out and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mixup_multi.engine.source import Trial
from mixup_multi.errors import DataError
from mixup_multi_adapters.speech import SpeechAdapter

load = SpeechAdapter.datasets["speech_commands_v2"].load
SECOND = np.zeros(16_000, np.int16)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20_000])


def truncate_in_the_header(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:30])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def replace_by_text(file: Path) -> None:
    file.write_text("not a sound\n" * 100)


def resample(file: Path) -> None:
    soundfile.write(file, SECOND[:8000], 8000)


def make_stereo(file: Path) -> None:
    soundfile.write(file, np.stack([SECOND, SECOND], 1), 16_000)


def recode(file: Path) -> None:
    soundfile.write(file, SECOND, 16_000, format="FLAC")


def shorten(file: Path) -> None:
    soundfile.write(file, SECOND[:100], 16_000)


DAMAGES = [
    (truncate, r"cut short \(19956 of 32000 bytes"),
    (truncate_in_the_header, "cannot be read as audio"),
    (empty, "cannot be read as audio"),
    (replace_by_text, "cannot be read as audio"),
    (resample, "sample rate is 8000 Hz"),
    (make_stereo, "2 channels"),
    (recode, "FLAC"),
    (shorten, "100 samples; expected at least 161"),
]


@pytest.mark.parametrize(("damage", "found"), DAMAGES)
def test_a_damaged_file_is_an_error_or_is_left_out(
    write_release: Callable[..., Path], damage: Callable[[Path], None], found: str
) -> None:
    folder = write_release()
    file = folder / "stop" / "aaaa0002_nohash_0.wav"
    damage(file)
    with pytest.raises(DataError, match=found) as raised:
        load(folder.parents[1], Trial(), words="ten")
    message = str(raised.value)
    assert message.startswith(str(file))
    assert "16000 Hz, mono" in message
    assert "damaged: skip" in message

    data = load(folder.parents[1], Trial(), words="ten", damaged="skip")
    assert (len(data.train), len(data.test)) == (39, 10)
    assert "stop/aaaa0002_nohash_0.wav" not in data.train.ids
    assert any("left out 1 damaged recording" in note and str(file) in note for note in data.notes)

    with pytest.raises(DataError, match=found):  # what was skipped is not forgotten
        load(folder.parents[1], Trial(), words="ten")


def test_a_part_of_damaged_recordings_only_is_an_error(write_release) -> None:
    folder = write_release()
    for file in folder.glob("*/aaaa0005_nohash_0.wav"):
        replace_by_text(file)
    with pytest.raises(DataError, match="every recording of the test part is damaged"):
        load(folder.parents[1], Trial(), words="ten", damaged="skip")


def test_a_word_whose_training_recordings_are_damaged_is_an_error(write_release) -> None:
    folder = write_release()
    for file in (folder / "stop").glob("aaaa000[0-3]*.wav"):
        replace_by_text(file)
    with pytest.raises(DataError, match="no training row of class stop"):
        load(folder.parents[1], Trial(), words="ten", damaged="skip")


@pytest.mark.parametrize("name", ["validation_list.txt", "testing_list.txt"])
def test_a_missing_list_is_an_error(write_release, name: str) -> None:
    folder = write_release()
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}.*mixup-multi data fetch speech_commands_v2"):
        load(folder.parents[1], Trial(), words="ten")


def test_lists_that_share_a_recording_are_an_error(write_release) -> None:
    folder = write_release()
    (folder / "testing_list.txt").write_text("go/aaaa0004_nohash_0.wav\n")
    with pytest.raises(DataError, match=r"go/aaaa0004_nohash_0\.wav.*both lists"):
        load(folder.parents[1], Trial(), words="ten")


def test_a_part_without_recordings_is_an_error(write_release) -> None:
    folder = write_release()
    (folder / "testing_list.txt").write_text("")
    with pytest.raises(DataError, match="no recording is for test"):
        load(folder.parents[1], Trial(), words="ten")
