"""Prepared once: reused, keyed by content, never half, never written beside the recordings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mixup_multi.engine.cache import cache_folder
from mixup_multi.engine.source import Data, Trial
from mixup_multi_adapters.speech import SpeechAdapter

load = SpeechAdapter.datasets["speech_commands_v2"].load


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIXUP_MULTI_CACHE", str(tmp_path / "cache"))


def load_ten(folder: Path, **settings: object) -> Data:
    return load(folder.parents[1], Trial(), words="ten", **settings)


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("a recording was decoded again")

    monkeypatch.setattr(soundfile, "SoundFile", decode)


def test_a_second_load_decodes_nothing(write_release, monkeypatch) -> None:
    folder = write_release()
    first = load_ten(folder)
    forbid_decoding(monkeypatch)
    second = load_ten(folder)
    assert second.key == first.key
    every = torch.arange(len(first.train))
    assert torch.equal(first.train.gather(every).inputs, second.train.gather(every).inputs)


def test_another_setting_is_another_file(write_release) -> None:
    folder = write_release()
    loaded = [load_ten(folder, features=f) for f in ("spectrogram", "log_mel", "waveform")]
    shapes = [tuple(d.train.gather(torch.tensor([1])).inputs.shape[1:]) for d in loaded]
    assert shapes == [(1, 161, 101), (1, 40, 101), (16_000,)]
    assert [d.facts["shape"] for d in loaded] == shapes
    assert len({d.key for d in loaded}) == 3
    assert len(list(cache_folder("speech").iterdir())) == 3


def test_waveforms_are_the_recordings_with_zeros_after_short_ones(write_release) -> None:
    folder = write_release()
    data = load_ten(folder, features="waveform")
    short = data.train.ids.index("go/aaaa0000_nohash_0.wav")
    sound, _ = soundfile.read(folder / "go" / "aaaa0000_nohash_0.wav", dtype="float32")
    wave = data.train.gather(torch.tensor([short])).inputs[0]
    assert np.array_equal(wave[:12_000], sound)
    assert not wave[12_000:].any()


def test_the_key_follows_the_sound_and_not_the_place(write_release) -> None:
    folder = write_release()
    key = load_ten(folder).key
    for file in folder.glob("*/*.wav"):
        os.utime(file, (1, 1))
    assert load_ten(folder).key == key
    sound, rate = soundfile.read(folder / "go" / "aaaa0001_nohash_0.wav", dtype="int16")
    sound[7] += 1
    soundfile.write(folder / "go" / "aaaa0001_nohash_0.wav", sound, rate)
    assert load_ten(folder).key != key


def test_a_half_file_is_not_used(write_release) -> None:
    folder = write_release()
    whole = load_ten(folder).train.gather(torch.arange(40)).inputs
    (stored,) = cache_folder("speech").glob("*/clips.bin")
    with stored.open("rb+") as file:
        file.truncate(1000)
    assert torch.equal(load_ten(folder).train.gather(torch.arange(40)).inputs, whole)


def test_an_interrupted_preparation_leaves_nothing(write_release, monkeypatch) -> None:
    from mixup_multi_adapters.speech import prepared

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    folder = write_release()
    with monkeypatch.context() as patch:
        patch.setattr(prepared, "stored_form", interrupted)
        with pytest.raises(KeyboardInterrupt):
            load_ten(folder)
    assert [p.name for p in cache_folder("speech").glob("*/*")] == []
    assert len(load_ten(folder).train) == 40


def test_two_processes_that_prepare_at_once_both_end_well(write_release) -> None:
    folder = write_release()
    code = (
        "import sys, pathlib\n"
        "from mixup_multi.engine.source import Trial\n"
        "from mixup_multi_adapters.speech import SpeechAdapter\n"
        "load = SpeechAdapter.datasets['speech_commands_v2'].load\n"
        "print(load(pathlib.Path(sys.argv[1]), Trial(), words='ten').key)\n"
    )
    command = [sys.executable, "-c", code, str(folder.parents[1])]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    keys = {process.communicate(timeout=60)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert keys == {load_ten(folder).key}


def test_nothing_is_written_beside_the_recordings(write_release) -> None:
    folder = write_release()
    root = folder.parents[1]
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    load_ten(folder)
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before


def test_all_parts_share_one_mapped_file(write_release) -> None:
    data = load_ten(write_release())
    assert data.train.inputs.dtype == torch.float16
    assert data.train.inputs.untyped_storage().data_ptr() == (
        data.test.inputs.untyped_storage().data_ptr()
    )
