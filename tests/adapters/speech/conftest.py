"""A small made-up release of Speech Commands, written anew for each test that wants one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mixup_multi.engine.source import Data, Trial
from mixup_multi_adapters.speech import SpeechAdapter
from mixup_multi_adapters.speech.words import TEN

VALIDATION_SPEAKER, TEST_SPEAKER = "aaaa0004", "aaaa0005"


@pytest.fixture
def write_release(tmp_path: Path) -> Callable[..., Path]:
    """Write words x 6 speakers: four for training, one for validation, one for testing."""

    def write(words: Sequence[str] = TEN, noise: bool = False, version: str = "0.02") -> Path:
        folder = tmp_path / "root" / "SpeechCommands" / f"speech_commands_v{version}"
        random = np.random.default_rng(0)
        for word in words:
            (folder / word).mkdir(parents=True)
            for speaker in range(6):
                sound = random.normal(0, 1000, 16_000 if speaker else 12_000).astype(np.int16)
                soundfile.write(folder / word / f"aaaa000{speaker}_nohash_0.wav", sound, 16_000)
        for file, speaker in (
            ("validation_list.txt", VALIDATION_SPEAKER),
            ("testing_list.txt", TEST_SPEAKER),
        ):
            lines = [f"{word}/{speaker}_nohash_0.wav\n" for word in words]
            (folder / file).write_text("".join(lines))
        if noise:
            (folder / "_background_noise_").mkdir()
            hum = random.normal(0, 500, 20 * 16_000).astype(np.int16)
            soundfile.write(folder / "_background_noise_" / "hum.wav", hum, 16_000)
        return folder

    return write


@pytest.fixture(scope="session")
def real_thirty(real_speech: Path) -> Data:
    """The real recordings, prepared once for all tests."""
    load = SpeechAdapter.datasets["speech_commands_v2"].load
    return load(real_speech, Trial(), words="thirty")
