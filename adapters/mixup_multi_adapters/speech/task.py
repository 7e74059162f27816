"""Which clips a task consists of: a word's recordings, a sample of other words, pieces of noise.

The sizes of `_unknown_` and `_silence_` follow the set's reference code (Warden 2018): in each
part, a tenth of the recordings of the ten commands. What is chosen depends on the files alone, so
every trial is tested on the same clips.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mixup_multi.engine.source import Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.speech.audio import SECOND, samples_in
from mixup_multi_adapters.speech.release import PARTS, Clip, Split, stamp
from mixup_multi_adapters.speech.words import SILENCE, UNKNOWN

NOISE_FOLDER = "_background_noise_"
_SHARES_OF_NOISE = (0.0, 0.8, 0.9, 1.0)
"""Where the parts' stretches of each noise recording begin and end: no piece is in two parts."""
_SHORTEST_NOISE = 11 * SECOND
"""So that the shortest stretch, a tenth, holds a second."""

Parts = dict[str, list[Clip]]


def task_clips(
    name: str,
    folder: Path,
    classes: Sequence[str],
    found: Mapping[str, Sequence[Clip]],
    split: Split,
    others: float,
) -> Parts:
    """Return the clips of each part.

    Raises:
        DataError: a part has no recording, or silence is asked for where there is no noise.
    """
    parts: Parts = {part: [] for part in PARTS}
    spare: Parts = {part: [] for part in PARTS}
    for word, clips in found.items():
        for clip in clips:
            (parts if word in classes else spare)[split.part_of(clip)].append(clip)
    _check_not_empty(name, folder, parts)
    wanted = {part: math.ceil(others * len(clips)) for part, clips in parts.items()}
    if UNKNOWN in classes:
        for part, clips in parts.items():
            clips += _unknown(spare[part], wanted[part])
    if SILENCE in classes:
        for part, pieces in _silence(name, folder / NOISE_FOLDER, wanted).items():
            parts[part] += pieces
    return parts


def _check_not_empty(name: str, folder: Path, parts: Parts) -> None:
    empty = [part for part, clips in parts.items() if not clips]
    if empty:
        raise DataError(
            f"{name}: by the lists in {folder} no recording is for {' and '.join(empty)};"
            " expected some in each part. The lists may be those of another release."
        )


def _unknown(clips: Sequence[Clip], wanted: int) -> list[Clip]:
    """Choose recordings by a hash of their names: the same ones whatever else is there."""
    chosen = sorted(clips, key=lambda clip: hashlib.sha256(clip.id.encode()).digest())[:wanted]
    return [Clip(clip.id, clip.path, clip.stamp, UNKNOWN) for clip in chosen]


def _silence(name: str, folder: Path, wanted: Mapping[str, int]) -> Parts:
    """Cut pieces of background noise, at random places and volumes, apart for each part."""
    noises = {path: _length(name, path) for path in sorted(folder.glob("*.wav"))}
    noises = {path: length for path, length in noises.items() if length >= _SHORTEST_NOISE}
    if not noises:
        raise DataError(
            f"{name}: no recordings of at least 11 seconds in {folder}; words: twelve cuts its"
            " silence from them. The complete release has them; words: eleven needs none."
        )
    files = list(noises)
    parts: Parts = {}
    for number, part in enumerate(PARTS):
        random = np.random.default_rng(number)
        parts[part] = []
        for which in random.integers(len(files), size=wanted[part]):
            low, high = (int(s * noises[files[which]]) for s in _SHARES_OF_NOISE[number:][:2])
            start = int(random.integers(low, high - SECOND + 1))
            parts[part].append(_piece(files[which], start, round(float(random.random()), 3)))
    return parts


def _length(name: str, path: Path) -> int:
    try:
        return samples_in(path)
    except DataError as error:
        raise DataError(
            f"{name}: words: twelve cuts its silence from {str(error).split(';')[0]}."
            " Replace the file, or choose words: eleven, which needs none."
        ) from error


def _piece(path: Path, start: int, gain: float) -> Clip:
    name = f"{SILENCE}/{path.stem}_{start}_{gain}.wav"
    return Clip(name, str(path), stamp(path.stat()), SILENCE, start, gain)


def refuse_folds(name: str, trial: Trial) -> None:
    """Raise `SettingError` where cross-validation is asked of a set with a test part of its own."""
    if trial.folds is not None:
        raise SettingError(
            f"{name} has a test part of its own and no folds; remove the folds and use trials",
        )
