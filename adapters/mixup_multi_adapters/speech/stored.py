"""The form in which examples are stored, the way back to what a model reads, and its facts.

Features are stored as float16: as many bytes as the 16 bit sound they come from, and 0.0005 of a
standardised value at most for nearly all of them, well below the recordings' own noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixup_multi.bounds import Bounds
from mixup_multi.errors import SettingError
from mixup_multi_adapters.speech.audio import SAMPLE_RATE, SECOND
from mixup_multi_adapters.speech.features import Features, FrontEnd, Normalise

CHUNK = 64
"""Clips whose spectra fit a processor's cache: measured, four times faster than all at once."""


def front_end_of(features: Features, mels: int, normalise: Normalise) -> FrontEnd | None:
    """Return what turns sound into a set's stored features; None for `waveform`.

    Raises:
        SettingError: `before_padding` is asked for waveforms, whose lengths mixing would blur.
    """
    if features != "waveform":
        return FrontEnd(mels if features == "log_mel" else None, normalise)
    if normalise == "before_padding":
        raise SettingError(
            "normalise: before_padding needs each clip's length, which a mixed waveform has not;"
            " use after_padding or none, or features: spectrogram"
        )
    return None


def facts_of(front_end: FrontEnd | None, normalise: Normalise) -> Mapping[str, Any]:
    """Return what the speech models need to know of the inputs."""
    return {
        "features": "waveform" if front_end is None else "spectrogram",
        "shape": (SECOND,) if front_end is None else front_end.shape,
        "sample_rate": SAMPLE_RATE,
        "normalise": normalise,
    }


def row_of(front_end: FrontEnd | None) -> tuple[type[np.generic], tuple[int, ...]]:
    """Return type and shape of one stored example."""
    return (np.int16, (SECOND,)) if front_end is None else (np.float16, front_end.shape)


def stored_form(
    waves: NDArray[np.int16], lengths: NDArray[np.int64], front_end: FrontEnd | None
) -> NDArray[np.generic]:
    """Return what is stored of sounds `(n, 16000)`: float16 features, or the sounds."""
    if front_end is None:
        return waves
    rows = np.empty((len(waves), *front_end.shape), np.float16)
    with torch.no_grad():
        for first in range(0, len(waves), CHUNK):
            some = slice(first, first + CHUNK)
            sound = as_sound(torch.from_numpy(waves[some]))
            rows[some] = front_end(sound, torch.from_numpy(lengths[some])).half().numpy()
    return rows


def way_back(front_end: FrontEnd | None) -> Callable[[Tensor], Tensor]:
    """Return what turns stored examples into a model's inputs, for whole batches at once."""
    return as_sound if front_end is None else as_features


def bounds_of(stored: Tensor, normalise: Normalise) -> Bounds:
    """Return what a legal input is, by the stored training examples.

    A spectrogram lies between the least and the largest of their values, and a size of 1 is a
    standard deviation of a clip, or 1 of its own where nothing is normalised. A sound lies in
    [-1, 1], and has no other unit. The largest size is from one end to the other.
    """
    one = torch.ones(())
    if not stored.is_floating_point():
        return Bounds.between(-one, one, one, stored[0], "amplitudes in [-1, 1]")
    ends = [chunk.aminmax() for chunk in torch.split(stored, 1024)]  # mapped: not all at once
    low = torch.stack([end.min for end in ends]).min().float()
    high = torch.stack([end.max for end in ends]).max().float()
    words = "log magnitudes" if normalise == "none" else "standard deviations of a clip"
    return Bounds.between(low, high, one, stored[0], words)


def as_sound(waves: Tensor) -> Tensor:
    """Turn int16 samples into numbers in [-1, 1)."""
    return waves.float().mul_(1 / 32768)


def as_features(stored: Tensor) -> Tensor:
    """Turn stored float16 features into float32."""
    return stored.float()
