"""Reading recordings: whole, 16 kHz, mono, or an error that names the file."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixup_multi.errors import DataError

SAMPLE_RATE = 16_000
SECOND = SAMPLE_RATE
"""Samples of an example: one second."""
SHORTEST = 161
"""The fewest samples that half a 20 ms window can be reflected at."""

Samples = NDArray[np.int16]


def read_clip(path: Path, start: int = 0) -> Samples:
    """Read at most one second of a WAV file from sample `start`.

    Returns:
        int16 `(length,)`, with `SHORTEST <= length <= SECOND`.

    Raises:
        DataError: the file is not WAV, cut short, not at 16 kHz, not mono, or too short.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            found = (file.format, file.samplerate, file.channels)
            _check_format(path, *found)
            _check_whole(path)
            file.seek(start)
            samples: Samples = file.read(SECOND, dtype="int16")
    except (soundfile.LibsndfileError, OSError) as error:
        raise damaged(path, f"it cannot be read as audio ({_reason(error)})") from error
    if len(samples) < SHORTEST:
        raise damaged(path, f"it holds {len(samples)} samples; expected at least {SHORTEST}")
    return samples


def samples_in(path: Path) -> int:
    """Return the number of samples of a WAV file, after the checks of `read_clip`."""
    import soundfile

    read_clip(path)
    return int(soundfile.info(path).frames)


def damaged(path: Path, found: str) -> DataError:
    """Return the error for a recording that is not what the release holds."""
    return DataError(
        f"{path}: {found}; expected a whole WAV file, {SAMPLE_RATE} Hz, mono."
        " Replace the file, or set damaged: skip to leave such files out."
    )


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).rstrip(".")


def _check_format(path: Path, container: str, rate: int, channels: int) -> None:
    if container not in ("WAV", "WAVEX"):
        raise damaged(path, f"it is a {container} file")
    if rate != SAMPLE_RATE:
        raise damaged(path, f"its sample rate is {rate} Hz")
    if channels != 1:
        raise damaged(path, f"it has {channels} channels")


def _check_whole(path: Path) -> None:
    """Compare the length that the header declares with what is there: libsndfile does not."""
    with path.open("rb") as file:
        file.seek(12)  # "RIFF", length, "WAVE"
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                there = path.stat().st_size - file.tell()
                if there < size:
                    raise damaged(path, f"it is cut short ({there} of {size} bytes of sound)")
                return
            file.seek(size + size % 2, 1)
