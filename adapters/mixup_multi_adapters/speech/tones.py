"""Tones: synthetic "words" of three sung vowels, by speakers who differ; nobody spoke them.

A stand-in for Speech Commands that needs no download: the same shapes, a split by speaker, and
classes that differ only in the order of gliding formants, so that a model has to look at time and
frequency together. A recording is the sum of two gliding tones (the vowels' formants, scaled by
the speaker's and the take's), made rough by the speaker's pitch, under noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from mixup_multi.engine.cache import content_key
from mixup_multi.engine.shift import Shifts
from mixup_multi.engine.source import Data, Dataset, TensorSource, Trial
from mixup_multi.errors import SettingError
from mixup_multi.streams import stream
from mixup_multi_adapters.speech.audio import SAMPLE_RATE, SECOND
from mixup_multi_adapters.speech.corruptions import sound_corruptions
from mixup_multi_adapters.speech.features import Features, Normalise
from mixup_multi_adapters.speech.prepared import Sounds
from mixup_multi_adapters.speech.stored import (
    CHUNK,
    bounds_of,
    facts_of,
    front_end_of,
    stored_form,
    way_back,
)
from mixup_multi_adapters.speech.task import refuse_folds

FORMANTS = {"a": (800.0, 1250.0), "e": (480.0, 1800.0), "i": (300.0, 2300.0), "u": (340.0, 850.0)}
"""The vowels' two lowest formants in Hz, roughly as spoken."""
WORDS = ("aei", "aie", "aui", "eai", "eia", "iae", "iau", "iea", "uai", "uia")
TAKES = 3
_KNOTS = 100
"""Points a second at which glides are computed; between them they are straight."""


def load(
    root: Path,  # noqa: ARG001 - generated, so nothing is read
    trial: Trial,
    *,
    speakers: int = 30,
    seed: int = 0,
    features: Features = "spectrogram",
    mels: int = 40,
    normalise: Normalise = "after_padding",
) -> Data:
    """Generate ten words by each speaker, three takes each; one speaker in six is for each test.

    Args:
        root: not used.
        trial: every one is tested on the same recordings; folds are refused.
        speakers: how many there are; two thirds are for training, a sixth each for validation and
            test.
        seed: of the recordings.
        features: as for Speech Commands.
        mels: the bands of `log_mel`.
        normalise: see `FrontEnd`.

    Raises:
        SettingError: fewer than 6 or more than 200 speakers, settings that exclude each other, or
            folds.
    """
    refuse_folds("tones", trial)
    if not 6 <= speakers <= 200:
        raise SettingError(f"speakers: {speakers}; expected 6 to 200")
    front_end = front_end_of(features, mels, normalise)
    waves = recordings(speakers, stream(seed, "augment"))
    names = ids_of(speakers)
    rows = stored_form(waves, np.full(len(waves), SECOND), front_end)
    first, last = _speakers_of_parts(speakers)[0]
    trained = torch.from_numpy(rows[first * len(WORDS) * TAKES : last * len(WORDS) * TAKES])
    sources = [
        TensorSource(
            inputs=torch.from_numpy(rows[first * len(WORDS) * TAKES : last * len(WORDS) * TAKES]),
            labels=torch.arange(len(WORDS)).repeat_interleave(TAKES).repeat(last - first),
            classes=len(WORDS),
            ids=names[first * len(WORDS) * TAKES : last * len(WORDS) * TAKES],
            prepare=way_back(front_end),
            bounds=partial(bounds_of, trained, normalise),
        )
        for first, last in _speakers_of_parts(speakers)
    ]
    return Data(
        name="tones",
        train=sources[0],
        validation=sources[1],
        test=sources[2],
        classes=WORDS,
        key=content_key(repr(front_end), waves),
        notes=("synthetic: generated tones, not recordings of speech",),
        facts=facts_of(front_end, normalise),
        shifts=Shifts(made=sound_corruptions(front_end, _sounds(names, speakers, seed))),
    )


def ids_of(speakers: int) -> list[str]:
    """Return the recordings' names, in the order of `recordings`."""
    return [
        f"{word}/speaker{speaker:03}_take{take}"
        for speaker in range(speakers)
        for word in WORDS
        for take in range(TAKES)
    ]


def _sounds(names: Sequence[str], speakers: int, seed: int) -> Sounds:
    """Return what finds recordings by their names; all are as long as the second."""
    row_of = {name: row for row, name in enumerate(names)}

    def read(ids: Sequence[str]) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
        rows = [row_of[id] for id in ids]
        return _again(speakers, seed)[rows], np.full(len(rows), SECOND)

    return read


@lru_cache(maxsize=1)
def _again(speakers: int, seed: int) -> NDArray[np.int16]:
    """Return the recordings once more: nobody keeps them where their features are stored."""
    return recordings(speakers, stream(seed, "augment"))


def _speakers_of_parts(speakers: int) -> tuple[tuple[int, int], ...]:
    """Return the first and the one after the last speaker of training, validation and test."""
    sixth = speakers // 6
    return (
        (0, speakers - 2 * sixth),
        (speakers - 2 * sixth, speakers - sixth),
        (
            speakers - sixth,
            speakers,
        ),
    )


def recordings(speakers: int, generator: Generator) -> NDArray[np.int16]:
    """Return the sound `(speakers * words * takes, 16000)`, speaker by speaker, word by word."""
    per_speaker = len(WORDS) * TAKES
    clips = speakers * per_speaker

    def between(low: float, high: float, number: int = clips) -> Tensor:
        """Draw uniformly on a logarithmic scale, shape `(number, 1)`."""
        share = torch.rand(number, 1, generator=generator)
        return low * (high / low) ** share

    voice = between(0.8, 1.25, speakers).repeat_interleave(per_speaker, 0)
    pitch = between(90, 250, speakers).repeat_interleave(per_speaker, 0) * between(0.9, 1.1)
    length = between(0.45, 0.85)
    onset = torch.rand(clips, 1, generator=generator) * (1 - length)
    time = (torch.linspace(0, 1, _KNOTS) - onset) / length
    anchors = torch.tensor([[FORMANTS[vowel] for vowel in word] for word in WORDS])
    anchors = anchors.repeat_interleave(TAKES, 0).repeat(speakers, 1, 1).log()
    anchors = anchors + 0.12 * torch.randn(anchors.shape, generator=generator)
    formants = _glide(time, anchors).exp() * voice[:, None]
    loudness = (time.clamp(0, 1) * math.pi).sin().sqrt().unsqueeze(1)
    radians = 2 * math.pi / SAMPLE_RATE
    knots = torch.cat([formants * radians, loudness], 1)
    level = between(0.15, 0.8)
    samples = np.empty((clips, SECOND), np.int16)
    for first in range(0, clips, CHUNK):
        some = slice(first, first + CHUNK)
        sound = _voiced(knots[some], pitch[some] * radians)
        sound += torch.randn(sound.shape, generator=generator) * level[some]
        samples[some] = (sound * 4000).clamp(-32768, 32767).short().numpy()
    return samples


def _glide(time: Tensor, anchors: Tensor) -> Tensor:
    """Move through three anchors `(n, 3, 2)` in straight lines; `(n, 2, knots)` at `time` 0..1."""
    place = time.clamp(0, 1)[:, None] * 2
    near = (1 - (place - torch.arange(3.0)[:, None]).abs()).clamp(min=0)
    return anchors.transpose(1, 2) @ near


def _voiced(knots: Tensor, turn: Tensor) -> Tensor:
    """Sing `(n, 3, knots)` (two formants, loudness) at a pitch; tones in radians a sample."""
    low, high, loudness = functional.interpolate(knots, SECOND, mode="linear").unbind(1)
    hum = (torch.arange(SECOND) * turn).sin()
    tones = low.cumsum(1).sin() + 0.6 * high.cumsum(1).sin()
    return tones * (1 + 0.8 * hum) * loudness


TONES = Dataset("synthetic: ten words of gliding tones, 900 recordings of one second", load)
